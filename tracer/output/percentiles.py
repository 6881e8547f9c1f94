"""Percentiles from a histogram by powers of two."""

from collections.abc import Sequence


def percentile(histogram: Sequence[int], part: float, largest: int) -> int:
    """The value that `part` (0 to 1) of all counts lie below, evenly spread within their slot.

    `histogram[i]` counts values of 2**i to 2**(i + 1); `largest` is the largest value there is. 0: no values.
    """
    wanted = part * sum(histogram)
    if not wanted:
        return 0
    passed = 0
    for slot, values in enumerate(histogram):
        if values and passed + values >= wanted:
            low = 1 << slot
            return min(largest, low + round(low * (wanted - passed) / values))
        passed += values
    return largest
