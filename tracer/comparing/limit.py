"""`--fail-above`: whether a comparison is bad enough to fail a build."""

import re

from tracer.errors import UsageError
from tracer.model.comparison import Change, Comparison, Trend

WRITTEN = re.compile(r"(\d+(?:\.\d+)?)\s*%")
# A lock that nobody waits for may grow tenfold and still not matter.
SMALLEST_SHARE = 0.01


def parse_limit(text: str) -> float:
    """`20%` as 0.2. Raises UsageError."""
    match = WRITTEN.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"--fail-above: {text!r} is no share", "write it as 20%")
    return float(match[1]) / 100


def above(comparison: Comparison, limit: float) -> tuple[Change, ...]:
    """The total and the locks whose waiting grew by more than `limit` of what it was, and not by chance.

    A lock's growth must also be one hundredth of all waiting, of the side where that is more.
    """
    whole_ns = max(comparison.total.before.wait_ns, comparison.total.after.wait_ns)
    smallest_ns = SMALLEST_SHARE * whole_ns
    return tuple(
        change
        for change in (comparison.total, *comparison.locks)
        if change.trend in (Trend.SLOWER, Trend.NEW)
        and change.difference_ns >= smallest_ns
        and (change.growth is None or change.growth > limit)
    )
