"""What many comparisons come to: other work on a machine scatters each of them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from rows import median, spread

RESAMPLES = 2000


@dataclass(frozen=True)
class Middle:
    """The median, and where it lies with 95 % certainty."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return spread((self.low, self.high))


def middle(values: Sequence[float]) -> Middle:
    """By bootstrap, from a fixed seed."""
    chance = random.Random(0)
    medians = sorted(median(chance.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return Middle(median(values), medians[RESAMPLES // 40], medians[-RESAMPLES // 40])
