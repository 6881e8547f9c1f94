"""What a hit of the probe costs, measured on this process.

libc's own lfind calls the function that it is given in a loop, with the key as its first argument, for as
long as that does not return 0. pthread_mutex_lock of an error-checking mutex that we hold returns EDEADLK at
once. So one call into C takes the probed path as often as wanted, with nothing else around it.
"""

import ctypes
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tracer.kernel.probe_maps import ProbeMaps
from tracer.kernel.windows import WindowEvent

MUTEX_SIZE = 128  # bytes: more than any libc's pthread_mutex_t
ATTRIBUTE_SIZE = 64
ERROR_CHECKING = 2
CALLS = 64  # a round
ROUNDS = 40
LONGEST_NS = 4_000_000
# Other work takes the caches and the branch predictors: a hit in a busy libvirtd, one every 10 us, took
# 1.15 us where one in a loop takes 0.4 to 0.9.
AMONG_WORK = 2
# ns on a slow virtual machine, in a loop.
ASSUMED_EMULATED_NS, ASSUMED_STEPPED_NS = 700.0, 25_000.0


class LockLoop:
    """Calls of pthread_mutex_lock that fail. OSError where this libc cannot do it."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None)
        attributes = ctypes.create_string_buffer(ATTRIBUTE_SIZE)
        self._mutex = ctypes.create_string_buffer(MUTEX_SIZE)
        results = (
            self._libc.pthread_mutexattr_init(attributes),
            self._libc.pthread_mutexattr_settype(attributes, ERROR_CHECKING),
            self._libc.pthread_mutex_init(self._mutex, attributes),
            self._libc.pthread_mutex_lock(self._mutex),
        )
        if any(results):
            raise OSError("no error-checking mutex")

    def call_ns(self) -> float:
        """CPU ns of one call: the first quartile of some rounds, since what disturbs one makes it longer."""
        rounds: list[float] = []
        begin = time.thread_time_ns()
        while len(rounds) < ROUNDS and time.thread_time_ns() < begin + LONGEST_NS:
            calls = ctypes.c_size_t(CALLS)
            before = time.thread_time_ns()
            self._libc.lfind(
                self._mutex,
                self._mutex,
                ctypes.byref(calls),
                ctypes.c_size_t(0),
                self._libc.pthread_mutex_lock,
            )
            rounds.append((time.thread_time_ns() - before) / CALLS)
        return sorted(rounds)[len(rounds) // 4]


@dataclass(frozen=True, slots=True)
class HitCost:
    """ns that a hit costs a thread: among other work, and one after the other in a counted window."""

    working_ns: float
    window_ns: float


def measure(loop: LockLoop, event: WindowEvent, maps: ProbeMaps) -> HitCost:
    """The cost of this event, which sits in our own libc. Raises LockwatchError."""
    without = loop.call_ns()
    window = event.open(os.getpid())
    try:
        plain = loop.call_ns()
        maps.count_window(True)
        counted = loop.call_ns()
    finally:
        os.close(window)
        maps.count_window(False)
        maps.take_window()
    return HitCost(AMONG_WORK * max(plain - without, 1.0), max(counted - without, 1.0))


def assumed(emulated: bool) -> HitCost:
    """Where it cannot be measured."""
    cost = ASSUMED_EMULATED_NS if emulated else ASSUMED_STEPPED_NS
    return HitCost(AMONG_WORK * cost, cost)


def dearest(costs: Sequence[HitCost]) -> HitCost:
    return HitCost(max(cost.working_ns for cost in costs), max(cost.window_ns for cost in costs))
