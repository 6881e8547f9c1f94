"""Uprobes as BPF links (Linux 6.6): at a hit the kernel does less than for a perf event.

In its first releases a link for a process saw that process's first thread only. So nobody goes by the
kernel's version: a trial on our own process tells.
"""

import ctypes
import os
import struct
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from tracer.errors import LockwatchError, MachineError
from tracer.kernel import syscalls
from tracer.kernel.uprobes import HARDLY_CALLED, failure, own_place

PROG_LOAD, LINK_CREATE = 5, 28
PROG_TYPE_KPROBE = 2
TRACE_UPROBE_MULTI = 48
NAME_LENGTH = 15
RETURN_0 = bytes.fromhex("b700000000000000 9500000000000000")


def load(name: str, code: bytes) -> int:
    """Loads a uprobe's program for links: its fd. `code` refers to maps by their fds. Raises MachineError."""
    instructions = ctypes.create_string_buffer(code, len(code))
    license_name = ctypes.create_string_buffer(b"GPL")
    where = (ctypes.addressof(instructions), ctypes.addressof(license_name))
    no_log = (0, 0, 0)
    version = flags = interface = 0
    short_name = name.encode()[:NAME_LENGTH]
    head = struct.pack("<IIQQIIQII", PROG_TYPE_KPROBE, len(code) // 8, *where, *no_log, version, flags)
    tail = struct.pack("<16sII", short_name, interface, TRACE_UPROBE_MULTI)
    try:
        return syscalls.bpf(PROG_LOAD, head + tail)
    except OSError as error:
        raise MachineError(f"the kernel refuses the BPF program {name}: {error.strerror}") from error


def open_link(path: str, offset: int, pid: int, program: int) -> int:
    """Runs a program of `load` whenever `pid` executes the instruction at a file offset, until the returned
    fd is closed. All threads are covered, those to come too; no other process traps. A child that is forked
    and runs no program of its own keeps the trap. Raises LockwatchError.
    """
    name = ctypes.create_string_buffer(os.fsencode(path))
    offsets = (ctypes.c_uint64 * 1)(offset)
    target_fd = flags = reference_counters = cookies = link_flags = 0
    head = struct.pack("<IIII", program, target_fd, TRACE_UPROBE_MULTI, flags)
    where = (ctypes.addressof(name), ctypes.addressof(offsets), reference_counters, cookies)
    tail = struct.pack("<QQQQIII", *where, len(offsets), link_flags, pid)
    try:
        return syscalls.bpf(LINK_CREATE, head + tail)
    except OSError as error:
        raise failure(error.errno or 0, pid) from error


class LinkTrial:
    """Whether links can be relied on here: tried in a thread of its own, in some hundredths of a second."""

    def __init__(self) -> None:
        pool = ThreadPoolExecutor(1)
        self._works: Future[bool] = Future()
        pool.submit(self._try)
        pool.shutdown(wait=False)

    @property
    def works(self) -> bool:
        """Waits for the trial's result."""
        return self._works.result()

    def _try(self) -> None:
        """There is a result whatever happens. Taking the probe away takes longest, and says nothing more."""
        opened: list[int] = []
        works = False
        try:
            with suppress(OSError, LockwatchError):
                works = _sees_other_threads(opened)
        finally:
            self._works.set_result(works)
            for fd in reversed(opened):
                os.close(fd)


def _sees_other_threads(opened: list[int]) -> bool:
    """Probes a function that this thread calls, not the process's first. Adds what it opens to `opened`."""
    path, offset = own_place()
    opened.append(syscalls.enable_statistics())
    program = load("link_trial", RETURN_0)
    opened.append(program)
    opened.append(open_link(path, offset, os.getpid(), program))
    getattr(ctypes.CDLL(None), HARDLY_CALLED)()
    return syscalls.program_runs(program).runs > 0
