"""What the windows of a sampled probe say about the gaps between them.

A window counts what each thread took of each mutex in a known time, and stands for half of the gap on either
side: its counts are weighted with that time over its own. Two things are put right.

The probe's own cost slows a thread down. Of the CPU time that it used in the window, hits * cost were the
probe's: without it there would have been `cpu / (cpu - hits * cost)` times as many hits. Where the probe
takes more than half, the rate is the probe's own, and so many hits are the least. A lock that has more than a
few of its hits from there has a lower bound: these as they were counted, which is twice too few at least.

A thread that the probe slows down much may also run for more, or less, of a window than of a gap. So its
clock is read, and what comes out is multiplied by its CPU time in the gaps over what the windows would have
it at.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

MOST_PROBE_SHARE = 0.5
LEAST_CPU_SHARE = 0.02  # of a window: a thread that ran for less was hardly slowed down
FEW = 0.05  # of a lock's hits
SLOWED_SHARE = 0.2  # of a thread's time: then its clock must tell how much

Lock = tuple[int, int]  # pid, mutex
Thread = tuple[int, int]  # pid, tid


@dataclass(frozen=True, slots=True)
class ThreadClocks:
    """CPU time of threads, read at about `at_ns` of CLOCK_MONOTONIC."""

    at_ns: int
    cpu_ns: Mapping[Thread, int]

    def until(self, later: "ThreadClocks") -> dict[Thread, int]:
        """CPU time between two readings, of the threads in both."""
        return {
            thread: later.cpu_ns[thread] - cpu
            for thread, cpu in self.cpu_ns.items()
            if thread in later.cpu_ns
        }


@dataclass(frozen=True, slots=True)
class Taken:
    """What one thread took of one mutex in a window, and when for the first and last time (ns)."""

    pid: int
    tid: int
    mutex: int
    hits: int
    first_ns: int
    last_ns: int

    @property
    def thread(self) -> Thread:
        return self.pid, self.tid


@dataclass(frozen=True, slots=True)
class Window:
    """One counted window, `on_ns` long; the threads' CPU time in it, of those whose clock was read."""

    on_ns: int
    taken: tuple[Taken, ...] = ()
    cpu_ns: Mapping[Thread, float] = field(default_factory=dict)

    @property
    def hits(self) -> int:
        return sum(taken.hits for taken in self.taken)


@dataclass(frozen=True, slots=True)
class Gap:
    """Time without the probe, the windows beside it, and the threads' CPU time, as far as it was read."""

    ns: int
    windows: tuple[Window, ...]
    cpu_ns: Mapping[Thread, int] = field(default_factory=dict)


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
class _ThreadSum:
    """Over all gaps: hits by lock, of these those of windows in which the rate was the probe's own, CPU time,
    and the CPU time that the windows would have the thread at."""

    hits: dict[Lock, float] = field(default_factory=lambda: defaultdict(float))
    capped: dict[Lock, float] = field(default_factory=lambda: defaultdict(float))
    cpu_ns: float = 0.0
    expected_cpu_ns: float = 0.0

    @property
    def correction(self) -> float:
        known = self.expected_cpu_ns > 0 and self.cpu_ns > 0
        return self.cpu_ns / self.expected_cpu_ns if known else 1.0


@dataclass(slots=True)
class Estimator:
    """Sums up gaps. A hit in a window costs its thread `cost_ns`."""

    cost_ns: float
    _clocked: dict[Thread, _ThreadSum] = field(default_factory=dict)
    _others: _ThreadSum = field(default_factory=_ThreadSum)
    _known_shares: deque[tuple[Window, dict[Thread, float]]] = field(default_factory=lambda: deque(maxlen=2))

    def _shares(self, window: Window) -> dict[Thread, float]:
        """Asked for three times: for the clocks, and for the gap on either side."""
        for known, shares in self._known_shares:
            if known is window:
                return shares
        shares = probe_shares(window, self.cost_ns)
        self._known_shares.append((window, shares))
        return shares

    def slowed(self, window: Window) -> set[Thread]:
        """The threads that the probe took much of the time of. A clock makes a thread's switches slower: the
        others do without."""
        shares = self._shares(window)
        return {thread for thread, share in shares.items() if share > SLOWED_SHARE}

    def add(self, gap: Gap) -> None:
        """Fills a gap from its windows."""
        windows = [window for window in gap.windows if window.on_ns > 0]
        for thread in gap.cpu_ns:
            self._clocked.setdefault(thread, _ThreadSum())
        for window in windows:
            self._add_window(window, gap.ns / len(windows) / window.on_ns)
        for thread, cpu in gap.cpu_ns.items():
            if all(thread in window.cpu_ns for window in windows):
                total, part = self._clocked[thread], gap.ns / max(len(windows), 1)
                total.cpu_ns += cpu
                total.expected_cpu_ns += sum(part * w.cpu_ns[thread] / w.on_ns for w in windows)

    def _add_window(self, window: Window, weight: float) -> None:
        shares = self._shares(window)
        for taken in window.taken:
            lock, share = (taken.pid, taken.mutex), shares[taken.thread]
            total, hits = self._clocked.get(taken.thread, self._others), weight * taken.hits
            total.hits[lock] += hits / (1 - min(share, MOST_PROBE_SHARE))
            if share > MOST_PROBE_SHARE:
                total.capped[lock] += hits / MOST_PROBE_SHARE

    def result(self) -> dict[Lock, Estimate]:
        """What was taken in the gaps."""
        counts: dict[Lock, float] = defaultdict(float)
        capped: dict[Lock, float] = defaultdict(float)
        for total in (self._others, *self._clocked.values()):
            for lock, hits in total.hits.items():
                counts[lock] += hits * total.correction
                capped[lock] += total.capped.get(lock, 0.0) * total.correction
        return {lock: _estimate(count, capped[lock]) for lock, count in counts.items()}


def _estimate(count: float, capped: float) -> Estimate:
    """`capped` of the hits are from windows in which the rate was the probe's own."""
    if capped <= FEW * count:
        return Estimate(count)
    return Estimate(count - capped * (1 - MOST_PROBE_SHARE), saturated=True)


def probe_shares(window: Window, cost_ns: float) -> dict[Thread, float]:
    """The probe's part of each thread's time, 1 at most.

    The time is by the thread's clock, or else from its first hit to its last: `n` hits span `n - 1` times
    from hit to hit.
    """
    spans = _spans(window.taken)
    shares = {}
    for thread, (hits, first, last) in spans.items():
        cpu = window.cpu_ns.get(thread, 0.0)
        if cpu > LEAST_CPU_SHARE * window.on_ns:
            shares[thread] = min(hits * cost_ns / cpu, 1.0)
        else:
            shares[thread] = min((hits - 1) * cost_ns / (last - first), 1.0) if last > first else 0.0
    return shares


def _spans(taken: Iterable[Taken]) -> dict[Thread, tuple[int, int, int]]:
    """Each thread's hits, and the times of the first and the last."""
    spans: dict[Thread, tuple[int, int, int]] = {}
    for one in taken:
        hits, first, last = spans.get(one.thread, (0, one.first_ns, one.last_ns))
        spans[one.thread] = hits + one.hits, min(first, one.first_ns), max(last, one.last_ns)
    return spans


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
