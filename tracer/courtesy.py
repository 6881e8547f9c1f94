"""Whose CPU it is: the target's, where it wants it."""

import os
from contextlib import suppress


def give_way() -> None:
    """The calling thread, and those that it starts, take no CPU away from who runs on it when they wake up.

    Their share of the CPU stays what it is. A kernel that refuses does without.
    """
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
