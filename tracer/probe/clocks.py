"""How much CPU time processes have used."""

import time

# Linux's clock id of another process: ~pid << 3, and 2 for the time by the scheduler.
SCHEDULER_CLOCK = 2


def process_cpu_ns(pid: int) -> int:
    """CPU time of a process with its ended threads, up to a scheduler tick behind; 0 when it is gone."""
    try:
        return time.clock_gettime_ns(~pid << 3 | SCHEDULER_CLOCK)
    except OSError:
        return 0
