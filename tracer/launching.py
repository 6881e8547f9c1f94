"""A command, started so that it can be traced from its first instruction on."""

import ctypes
import os
import shutil
import signal
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

from tracer.errors import TargetError, UsageError

PTRACE_TRACEME, PTRACE_PEEKTEXT, PTRACE_POKETEXT, PTRACE_POKEUSER = 0, 1, 4, 6
PTRACE_CONT, PTRACE_DETACH, PTRACE_SETOPTIONS = 7, 17, 0x4200
EXITKILL = 1 << 20
RIP = 16 * 8  # bytes into struct user of x86-64
BREAKPOINT = 0xCC
AT_ENTRY = 9
AUXV_ENTRY = struct.Struct("<QQ")
WORD = (1 << 64) - 1
CANNOT_START = 127  # as a shell says it

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_libc.ptrace.restype = ctypes.c_long


class Launched:
    """A process that has been stopped by its exec, and waits for `run_to_entry` or `go`.

    Should lockwatch die before `go`, the kernel kills it.
    """

    def __init__(self, command: Sequence[str]) -> None:
        """Raises UsageError without a command, TargetError where it cannot be started."""
        if not command:
            raise UsageError("no command given", "lockwatch record --output FILE -- COMMAND ...")
        if shutil.which(command[0]) is None:
            raise TargetError(f"{command[0]}: no such command", "give its path, or one that PATH has")
        self.pid = os.fork()
        if self.pid == 0:
            _become(command)
        _, status = os.waitpid(self.pid, 0)
        if not os.WIFSTOPPED(status):
            raise TargetError(f"{command[0]} could not be started", "does it run without lockwatch?")

        _libc.ptrace(PTRACE_SETOPTIONS, self.pid, None, EXITKILL)

    def run_to_entry(self) -> None:
        """On to the program's entry point: its shared libraries are mapped by then, and initialized.

        A program that ends before, or that has no entry to be found, is let run without a stop.
        """
        entry = self._entry()
        if not entry:
            return
        text = _libc.ptrace(PTRACE_PEEKTEXT, self.pid, entry, None) & WORD
        _libc.ptrace(PTRACE_POKETEXT, self.pid, entry, text & ~0xFF | BREAKPOINT)
        if not self._continue_to(signal.SIGTRAP):
            return
        _libc.ptrace(PTRACE_POKETEXT, self.pid, entry, text)
        _libc.ptrace(PTRACE_POKEUSER, self.pid, RIP, entry)

    def _continue_to(self, wanted: int) -> bool:
        """Runs until the wanted signal stops it; every other is handed on. False if it has ended."""
        handed = 0
        while True:
            _libc.ptrace(PTRACE_CONT, self.pid, None, handed)
            _, status = os.waitpid(self.pid, 0)
            if not os.WIFSTOPPED(status):
                return False
            if os.WSTOPSIG(status) == wanted:
                return True
            handed = os.WSTOPSIG(status)

    def _entry(self) -> int:
        vector = Path(f"/proc/{self.pid}/auxv").read_bytes()
        whole = len(vector) - len(vector) % AUXV_ENTRY.size
        return next((value for kind, value in AUXV_ENTRY.iter_unpack(vector[:whole]) if kind == AT_ENTRY), 0)

    def go(self) -> None:
        """Lets it run, on its own from here on."""
        _libc.ptrace(PTRACE_DETACH, self.pid, None, None)

    def end(self) -> None:
        """Kills it where it still runs: a trace that failed leaves no stopped process behind."""
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            return


def _become(command: Sequence[str]) -> None:
    """In the child: stops at the exec, where the kernel tells the tracing parent."""
    try:
        _libc.ptrace(PTRACE_TRACEME, 0, None, None)
        os.execvp(command[0], list(command))
    except OSError as error:
        print(f"lockwatch: {command[0]}: {error.strerror}", file=sys.stderr)
    finally:
        os._exit(CANNOT_START)
