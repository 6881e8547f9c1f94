"""One measured number beside what it should be."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

Measure = Callable[[], Iterable["Row"]]


@dataclass(frozen=True)
class Row:
    """`wanted` is for people; `met` None: there is no bound."""

    what: str
    measured: str
    wanted: str
    met: bool | None

    def __str__(self) -> str:
        mark = {True: "yes", False: "NO", None: ""}[self.met]
        return f"{self.what:<66} {self.measured:>26}   {self.wanted:<18} {mark}"


def at_most(what: str, value: float, limit: float, unit: str, spread: str = "") -> Row:
    return Row(what, f"{value:.3g} {unit}{spread}", f"<= {limit:g} {unit}", value <= limit)


def at_least(what: str, value: float, limit: float, unit: str, spread: str = "") -> Row:
    return Row(what, f"{value:.4g} {unit}{spread}", f">= {limit:g} {unit}", value >= limit)


def spread(values: Sequence[float]) -> str:
    """Where the values lie."""
    return f" ({min(values):.4g}..{max(values):.4g})"


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
