"""The CPU time of other processes' threads, exact to the moment: perf's own task clock.

What /proc says of a running thread is up to a scheduler tick old, which is as long as a window of the probe.
"""

import math
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from tracer.errors import LockwatchError
from tracer.kernel.uprobes import open_event
from tracer.probe.estimate import Thread, ThreadClocks

PERF_TYPE_SOFTWARE = 1
PERF_COUNT_SW_TASK_CLOCK = 1
MOST_THREADS = 64
# A clock makes each of its thread's switches slower by about a microsecond: one whose turns on a CPU are
# shorter than this on average, as a server's are, would pay more for its clock than it is worth.
SHORT_TURN_NS = 1_000_000


class TaskClocks:
    """Clocks of the first MOST_THREADS threads that were asked for and are not switched all the time."""

    def __init__(self) -> None:
        self._fds: dict[Thread, int] = {}
        self._spared: set[Thread] = set()

    def watch(self, threads: Iterable[Thread]) -> None:
        """Adds threads. One that has ended meanwhile is left out."""
        for thread in threads:
            if thread in self._fds or thread in self._spared or len(self._fds) >= MOST_THREADS:
                continue
            if mean_turn_ns(*thread) < SHORT_TURN_NS:
                self._spared.add(thread)
                continue
            with suppress(LockwatchError):
                self._fds[thread] = open_event(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK, thread[1])

    def read(self) -> ThreadClocks:
        """All clocks, in the same order each time, so that two readings are the same time apart for each."""
        begin = time.monotonic_ns()
        clocks = {thread: int.from_bytes(os.read(fd, 8), "little") for thread, fd in self._fds.items()}
        return ThreadClocks((begin + time.monotonic_ns()) // 2, clocks)

    def close(self) -> None:
        for fd in self._fds.values():
            os.close(fd)
        self._fds = {}


def mean_turn_ns(pid: int, tid: int) -> float:
    """How long a thread has run at a time so far; infinite where that is not known.

    /proc's schedstat: ns on a CPU, ns runnable without one, turns.
    """
    try:
        ran, _, turns = map(int, Path(f"/proc/{pid}/task/{tid}/schedstat").read_text().split())
    except (OSError, ValueError):
        return math.inf
    return ran / turns if turns else math.inf
