"""The CPU time of other processes' threads, exact to the moment: perf's own task clock.

What /proc says of a running thread is up to a scheduler tick old, which is as long as a window of the probe.
"""

import os
import time
from collections.abc import Iterable
from contextlib import suppress

from tracer.errors import LockwatchError
from tracer.kernel.uprobes import open_event
from tracer.probe.estimate import Thread, ThreadClocks

PERF_TYPE_SOFTWARE = 1
PERF_COUNT_SW_TASK_CLOCK = 1
MOST_THREADS = 64  # a clock makes each of its thread's switches a little slower


class TaskClocks:
    """Clocks of the first MOST_THREADS threads that were asked for."""

    def __init__(self) -> None:
        self._fds: dict[Thread, int] = {}

    def watch(self, threads: Iterable[Thread]) -> None:
        """Adds threads. One that has ended meanwhile is left out."""
        for thread in threads:
            if thread not in self._fds and len(self._fds) < MOST_THREADS:
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
