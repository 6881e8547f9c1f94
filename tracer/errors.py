"""What can go wrong, as the user meets it: a message, what to do next, and an exit code."""

from typing import ClassVar


class LockwatchError(Exception):
    """Base of all expected failures. `hint` says what to do next."""

    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(LockwatchError):
    """The command line does not make sense."""

    exit_code = 2


class TargetError(LockwatchError):
    """The process cannot be traced: gone, a zombie, a kernel thread, 32-bit."""

    exit_code = 3


class NotPermittedError(LockwatchError):
    """A privilege is missing."""

    exit_code = 4


class MachineError(LockwatchError):
    """The machine lacks something: bcc, tracefs, BTF."""

    exit_code = 5


class FileError(LockwatchError):
    """A file cannot be read, written or understood."""

    exit_code = 6
