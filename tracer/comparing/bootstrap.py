"""Is a difference more than noise? A bootstrap over slices of time.

Waits come in bursts, so single waits are no independent witnesses; slices of a fiftieth of a trace nearly
are. Both traces are made up anew, a thousand times, from slices drawn at random from their own; a difference
that keeps its sign in nearly all of them is real. One burst in one slice is missing from a third of the
draws, so it proves nothing, however long it was. What the slices of one trace cannot show is how one run
differs from the next.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul

SLICES = 50
DRAWS = 1000
CONFIDENCE = 0.95
# Of the rows that are called a change, this share may be none (Benjamini and Hochberg).
FALSE_DISCOVERIES = 0.05


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a difference lies, and how often chance alone would show one so far from nothing."""

    low: float
    high: float
    chance: float


class Bootstrap:
    """The same draws for every row, so that rows of one comparison agree with each other."""

    def __init__(self, draws: int = DRAWS, seed: int = 1) -> None:
        source = random.Random(seed)
        self._before = [_weights(source) for _ in range(draws)]
        self._after = [_weights(source) for _ in range(draws)]

    def interval(
        self, before: Sequence[int], before_units: float, after: Sequence[int], after_units: float
    ) -> Interval:
        """`before` and `after` are waiting times by slice (SLICES of each)."""
        differences = sorted(
            now - then
            for then, now in zip(
                _drawn(before, self._before, before_units),
                _drawn(after, self._after, after_units),
                strict=True,
            )
        )
        draws = len(differences)
        tail = round(draws * (1 - CONFIDENCE) / 2)
        below = sum(difference <= 0 for difference in differences)
        above = sum(difference >= 0 for difference in differences)
        chance = min(1.0, 2 * (min(below, above) + 1) / (draws + 1))
        return Interval(differences[tail], differences[-1 - tail], chance)


def _weights(source: random.Random) -> list[int]:
    """How often each slice is drawn."""
    weights = [0] * SLICES
    for slice_ in source.choices(range(SLICES), k=SLICES):
        weights[slice_] += 1
    return weights


def _drawn(slices: Sequence[int], draws: Sequence[Sequence[int]], units: float) -> list[float]:
    if not any(slices):
        return [0.0] * len(draws)
    return [sum(map(mul, slices, weights)) / units for weights in draws]


def discoveries(chances: Sequence[float]) -> list[bool]:
    """Which rows are changes, when so many were looked at."""
    order = sorted(range(len(chances)), key=chances.__getitem__)
    last = 0
    for rank, index in enumerate(order, 1):
        if chances[index] <= FALSE_DISCOVERIES * rank / len(chances):
            last = rank
    found = set(order[:last])
    return [index in found for index in range(len(chances))]
