"""What the windows of a sampled probe say about the time between them.

A window counts what each thread took of each mutex in a known time, and stands for the gaps beside it: its
counts are weighted with gap / window. The probe's own cost slows a thread down, though. Between its first
and its last hit a thread ran for some time, of which hits * cost were the probe's: without it there would
have been `time / (time - hits * cost)` times as many hits. Where the probe takes more than half of that time,
the rate is the probe's own, and what comes out is a lower bound.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

MOST_PROBE_SHARE = 0.5

Lock = tuple[int, int]  # pid, mutex
Thread = tuple[int, int]  # pid, tid


@dataclass(frozen=True, slots=True)
class Taken:
    """What one thread took of one mutex in a window, and when for the first and last time (ns)."""

    pid: int
    tid: int
    mutex: int
    hits: int
    first_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class Window:
    """One counted window, `on_ns` long."""

    on_ns: int
    taken: tuple[Taken, ...] = ()

    @property
    def hits(self) -> int:
        return sum(taken.hits for taken in self.taken)


@dataclass(frozen=True, slots=True)
class Estimate:
    """Acquisitions that were not seen. `saturated`: at least so many."""

    count: float = 0.0
    saturated: bool = False


@dataclass(frozen=True, slots=True)
class Acquisitions:
    """How often a mutex was taken: exact, or `estimated`, or, where `saturated`, at least so often."""

    count: int
    estimated: bool
    saturated: bool


@dataclass(slots=True)
class Estimator:
    """Sums up what windows stand for. A hit in a window costs its thread `cost_ns`."""

    cost_ns: float
    _counts: dict[Lock, float] = field(default_factory=dict)
    _saturated: set[Lock] = field(default_factory=set)

    def add(self, window: Window, gap_ns: float) -> None:
        """A window that stands for `gap_ns` beside it."""
        if window.on_ns <= 0:
            return
        weight = gap_ns / window.on_ns
        shares = probe_shares(window.taken, self.cost_ns)
        for taken in window.taken:
            lock, share = (taken.pid, taken.mutex), shares[taken.pid, taken.tid]
            hits = weight * taken.hits / (1 - min(share, MOST_PROBE_SHARE))
            self._counts[lock] = self._counts.get(lock, 0.0) + hits
            if share > MOST_PROBE_SHARE:
                self._saturated.add(lock)

    def result(self) -> dict[Lock, Estimate]:
        """What was taken in the gaps."""
        return {lock: Estimate(count, lock in self._saturated) for lock, count in self._counts.items()}


def probe_shares(taken: Iterable[Taken], cost_ns: float) -> dict[Thread, float]:
    """The probe's part of each thread's time, 1 at most. `n` hits span `n - 1` times from hit to hit."""
    hits: dict[Thread, int] = {}
    first: dict[Thread, int] = {}
    last: dict[Thread, int] = {}
    for one in taken:
        thread = one.pid, one.tid
        hits[thread] = hits.get(thread, 0) + one.hits
        first[thread] = min(first.get(thread, one.first_ns), one.first_ns)
        last[thread] = max(last.get(thread, one.last_ns), one.last_ns)
    return {
        thread: _share((count - 1) * cost_ns, last[thread] - first[thread]) for thread, count in hits.items()
    }


def _share(probe_ns: float, time_ns: float) -> float:
    return min(probe_ns / time_ns, 1.0) if time_ns > 0 else 0.0


def combine(
    seen: Mapping[Lock, int], unseen: Mapping[Lock, Estimate], sampled: bool
) -> dict[Lock, Acquisitions]:
    """What the probe saw and what it missed. After any gap (`sampled`) no count is exact."""
    combined = {}
    for lock in seen.keys() | unseen.keys():
        estimate = unseen.get(lock, Estimate())
        count = seen.get(lock, 0) + round(estimate.count)
        combined[lock] = Acquisitions(count, sampled, estimate.saturated)
    return combined
