"""What a hit of the probe costs, measured on this process.

libc's own lfind calls the function that it is given in a loop, with the key as its first argument, for as
long as that does not return 0. pthread_mutex_lock of an error-checking mutex that we hold returns EDEADLK at
once. So one call into C takes the probed path as often as wanted, with nothing else around it.
"""

import ctypes
import os
import time

from tracer.kernel.windows import WindowEvent

MUTEX_SIZE = 128  # bytes: more than any libc's pthread_mutex_t
ATTRIBUTE_SIZE = 64
ERROR_CHECKING = 2
CALLS = 64  # a round
ROUNDS = 40
LONGEST_NS = 4_000_000
# Where it cannot be measured: a slow virtual machine's.
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

    @property
    def mutex(self) -> int:
        """Its address."""
        return ctypes.addressof(self._mutex)

    def call_ns(self) -> float:
        """ns of one call, the median of some rounds."""
        rounds: list[float] = []
        begin = time.perf_counter_ns()
        while len(rounds) < ROUNDS and time.perf_counter_ns() < begin + LONGEST_NS:
            calls = ctypes.c_size_t(CALLS)
            before = time.perf_counter_ns()
            self._libc.lfind(
                self._mutex,
                self._mutex,
                ctypes.byref(calls),
                ctypes.c_size_t(0),
                self._libc.pthread_mutex_lock,
            )
            rounds.append((time.perf_counter_ns() - before) / CALLS)
        return sorted(rounds)[len(rounds) // 2]


def hit_cost_ns(loop: LockLoop, event: WindowEvent) -> float:
    """ns that a hit of this event, which sits in our own libc, costs a thread. Raises LockwatchError."""
    without = loop.call_ns()
    window = event.open(os.getpid())
    try:
        probed = loop.call_ns()
    finally:
        os.close(window)
    return max(probed - without, 1.0)


def assumed_cost_ns(emulated: bool) -> float:
    return ASSUMED_EMULATED_NS if emulated else ASSUMED_STEPPED_NS
