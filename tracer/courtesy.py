"""Whose CPU it is: the target's, where it wants it."""

import os
from contextlib import suppress

FIRST, AS_STARTED = -20, os.getpriority(os.PRIO_PROCESS, 0)  # nice values


def give_way() -> None:
    """The calling thread, and those that it starts, take no CPU away from who runs on it when they wake up.

    Their share of the CPU is what the user has given us. A kernel that refuses does without.
    """
    _run(os.SCHED_BATCH, AS_STARTED)


def go_first() -> None:
    """The calling thread gets a CPU at once when it wakes up: something slows the target down until then."""
    _run(os.SCHED_OTHER, FIRST)


def _run(policy: int, nice: int) -> None:
    with suppress(OSError):
        os.sched_setscheduler(0, policy, os.sched_param(0))
        os.setpriority(os.PRIO_PROCESS, 0, nice)
