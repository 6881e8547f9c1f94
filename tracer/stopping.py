"""Why and when a trace ends: a signal, its duration, the end of its targets."""

import contextlib
import os
import select
import signal
import time
from collections.abc import Sequence

from tracer.errors import TargetError


class Stop:
    """Set by SIGINT and SIGTERM, by `now`, or by a deadline. `reason` says which, in words."""

    def __init__(self, pids: Sequence[int]) -> None:
        """Raises TargetError where a process has ended already."""
        self.reason = ""
        self._pids = {_open(pid): pid for pid in pids}
        self._wake, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._handlers = {
            number: signal.signal(number, self._signalled) for number in (signal.SIGINT, signal.SIGTERM)
        }

    def now(self, reason: str) -> None:
        self.reason = self.reason or reason

    def wait(self, seconds: float, end_ns: int | None) -> bool:
        """Sleeps for `seconds`, or until something ends the trace; tells whether it has ended."""
        left = seconds
        if end_ns is not None:
            left = min(seconds, (end_ns - time.monotonic_ns()) / 1e9)
        if not self.reason and left > 0:
            select.select([self._wake, *self._pids], [], [], left)
        if end_ns is not None and time.monotonic_ns() >= end_ns:
            self.now("its duration is over")
        return bool(self.reason)

    def ended_targets(self) -> list[int]:
        """The targets that have ended since the last call."""
        ready = select.select(list(self._pids), [], [], 0)[0] if self._pids else []
        return [self._forget(fd) for fd in ready]

    def _forget(self, fd: int) -> int:
        os.close(fd)
        return self._pids.pop(fd)

    def _signalled(self, number: int, _frame: object) -> None:
        self.now(f"stopped by {signal.Signals(number).name}")
        with contextlib.suppress(BlockingIOError):  # the pipe is full of earlier signals
            os.write(self._waker, b".")

    def close(self) -> None:
        """Gives the signals back to whom they belonged to."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        for fd in (self._wake, self._waker, *self._pids):
            os.close(fd)
        self._pids.clear()


def _open(pid: int) -> int:
    """An fd that becomes readable when the process ends."""
    try:
        return os.pidfd_open(pid)
    except OSError as error:
        raise TargetError(f"process {pid} has ended", "is it still running?") from error
