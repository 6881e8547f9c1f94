"""How much CPU time processes and their threads have used, to the nanosecond."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from tracer.process import thread_ids

# Linux's clock ids of other processes and threads: ~id << 3, then which clock (2: by the scheduler), then 4
# for a thread's.
PROCESS_CLOCK, THREAD_CLOCK = 2, 6
THREADS_WATCHED = 512  # of all targets: more would make reading them cost more than what it is good for

Thread = tuple[int, int]  # pid, tid


def process_cpu_ns(pid: int) -> int | None:
    """CPU time of a process with its ended threads, up to a scheduler tick behind. None: it is gone."""
    return _clock(~pid << 3 | PROCESS_CLOCK)


@dataclass(frozen=True, slots=True)
class ThreadClocks:
    """CPU time of threads, read at about `at_ns` of CLOCK_MONOTONIC."""

    at_ns: int
    cpu_ns: dict[Thread, int]


def read_threads(threads: Iterable[Thread]) -> ThreadClocks:
    """The clocks of the threads that are there. They are read in the order given: two readings of the same
    threads are the same time apart for each of them."""
    before = time.monotonic_ns()
    clocks = {}
    for thread in threads:
        cpu = _clock(~thread[1] << 3 | THREAD_CLOCK)
        if cpu is not None:
            clocks[thread] = cpu
    return ThreadClocks((before + time.monotonic_ns()) // 2, clocks)


def watched_threads(pids: Iterable[int]) -> list[Thread]:
    """The threads of the processes, THREADS_WATCHED at most."""
    return [(pid, tid) for pid in pids for tid in thread_ids(pid)][:THREADS_WATCHED]


def _clock(number: int) -> int | None:
    try:
        return time.clock_gettime_ns(number)
    except OSError:
        return None
