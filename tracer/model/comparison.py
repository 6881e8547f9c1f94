"""Two traces compared: what got slower, faster, new or gone."""

from dataclasses import dataclass
from enum import Enum

from tracer.model.kinds import Kind
from tracer.model.report import TraceInfo


class Per(str, Enum):
    """What waiting is measured against."""

    SECOND = "second"
    REQUEST = "request"
    RUN = "run"

    def __str__(self) -> str:
        return self.value


class Trend(str, Enum):
    """What became of a row. All but UNCLEAR are told from noise."""

    SLOWER = "slower"
    FASTER = "faster"
    NEW = "new"
    GONE = "gone"
    UNCLEAR = "within noise"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Amount:
    """Waits and waiting time in nanoseconds, each for one unit: a second, a request, a run."""

    waits: float
    wait_ns: float


@dataclass(frozen=True, slots=True)
class Change:
    """One row. `frames` is empty for a lock as a whole, else a call site, innermost first; the first
    `libc_frames` of them are the C library's.

    `low_ns` to `high_ns` is where the difference in waiting time (after - before) lies with 95 % confidence.
    """

    identity: str
    kind: Kind | None
    frames: tuple[str, ...]
    before: Amount
    after: Amount
    low_ns: float
    high_ns: float
    trend: Trend
    libc_frames: int = 0

    @property
    def difference_ns(self) -> float:
        return self.after.wait_ns - self.before.wait_ns

    @property
    def growth(self) -> float | None:
        """The difference as a share of what was before; None where nothing was."""
        return self.difference_ns / self.before.wait_ns if self.before.wait_ns else None


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two traces. `units`: how many seconds, requests or runs it lasted."""

    name: str
    info: TraceInfo
    units: float
    finished: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """`locks` and `sites` are by the size of their difference. Waits of `threshold_ns` or more count."""

    before: Side
    after: Side
    per: Per
    threshold_ns: int
    total: Change
    locks: tuple[Change, ...]
    sites: tuple[Change, ...]
