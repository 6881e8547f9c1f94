"""What the windows of a sampled probe say about the time between them.

A window counts what each thread took of each mutex in a known time. It stands for the gaps beside it, so its
counts are weighted with (gap / window). Two things are put right. The probe's own cost slows a busy thread
down: a thread that used `cpu` ns in the window, of which hits * cost were the probe's, would have had
`cpu / (cpu - hits * cost)` times as many hits. And a thread may do more, or less, in the gaps than in the
windows: so the sum is corrected by its CPU time in the gaps over what the windows have it at. (Where a thread
makes up for the probe's cost by idling less, the second correction undoes the first, as it should.)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tracer.probe.clocks import Thread

MOST_PROBE_SHARE = 0.5  # of a thread's time: above it the rate is the probe's own, and only a lower bound
LEAST_CPU_SHARE = 0.02  # of the window: below it a thread's clock says too little about what slowed it down
THREADS_KEPT = 4096

Taken = dict[tuple[int, int, int], int]  # (pid, tid, mutex) -> hits
Lock = tuple[int, int]  # pid, mutex


@dataclass(frozen=True, slots=True)
class Window:
    """One counted window: `on_ns` long; the threads' CPU time in it, of those that are known."""

    on_ns: int
    cpu_ns: Mapping[Thread, float]
    taken: Taken

    @property
    def hits(self) -> int:
        return sum(self.taken.values())


@dataclass(slots=True)
class _ThreadSum:
    """Weighted with the gaps: hits by mutex, and the CPU time that the windows make of the gaps."""

    hits: dict[int, float] = field(default_factory=dict)
    window_cpu_ns: float = 0.0
    gap_cpu_ns: float = 0.0

    @property
    def correction(self) -> float:
        return self.gap_cpu_ns / self.window_cpu_ns if self.window_cpu_ns > 0 and self.gap_cpu_ns > 0 else 1.0


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


@dataclass(slots=True)
class Estimator:
    """Sums windows and gaps up. A hit costs the hitting thread `cost_ns`."""

    cost_ns: float
    _threads: dict[Thread, _ThreadSum] = field(default_factory=dict)
    _ended: dict[Lock, float] = field(default_factory=dict)
    _saturated: set[Lock] = field(default_factory=set)

    def add_window(self, window: Window, gap_ns: float) -> None:
        """A window that stands for `gap_ns` beside it."""
        if window.on_ns <= 0:
            return
        weight = gap_ns / window.on_ns
        for thread, cpu in window.cpu_ns.items():
            self._sum_of(thread).window_cpu_ns += weight * cpu
        of_thread: dict[Thread, int] = {}
        for (pid, tid, _), hits in window.taken.items():
            of_thread[pid, tid] = of_thread.get((pid, tid), 0) + hits
        for (pid, tid, mutex), hits in window.taken.items():
            factor, saturated = self._slowdown(window, (pid, tid), of_thread[pid, tid])
            total = self._sum_of((pid, tid)).hits
            total[mutex] = total.get(mutex, 0.0) + weight * hits * factor
            if saturated:
                self._saturated.add((pid, mutex))

    def _slowdown(self, window: Window, thread: Thread, hits: int) -> tuple[float, bool]:
        """How many times as many hits there would have been at no cost; whether that is a lower bound."""
        probe = hits * self.cost_ns
        cpu = max(window.cpu_ns.get(thread, window.on_ns), window.on_ns * LEAST_CPU_SHARE)
        share = probe / cpu
        return 1 / (1 - min(share, MOST_PROBE_SHARE)), share > MOST_PROBE_SHARE

    def add_gap(self, cpu_ns: Mapping[Thread, int]) -> None:
        """The threads' CPU time in a gap, of those that were there at both of its ends."""
        for thread, cpu in cpu_ns.items():
            self._sum_of(thread).gap_cpu_ns += cpu

    def _sum_of(self, thread: Thread) -> _ThreadSum:
        if thread not in self._threads:
            if len(self._threads) >= THREADS_KEPT:
                self._settle(next(iter(self._threads)))
            self._threads[thread] = _ThreadSum()
        return self._threads[thread]

    def _settle(self, thread: Thread) -> None:
        """Adds a thread's sums up for good: more threads have come than are kept apart."""
        total = self._threads.pop(thread)
        for mutex, hits in total.hits.items():
            key = thread[0], mutex
            self._ended[key] = self._ended.get(key, 0.0) + hits * total.correction

    def result(self) -> dict[Lock, Estimate]:
        """What was taken in the gaps."""
        counts = dict(self._ended)
        for (pid, _), total in self._threads.items():
            for mutex, hits in total.hits.items():
                counts[pid, mutex] = counts.get((pid, mutex), 0.0) + hits * total.correction
        return {lock: Estimate(count, lock in self._saturated) for lock, count in counts.items()}
