"""Uprobes by perf_event_open(2) itself: bcc 0.26's own `attach_uprobe` passes the kernel garbage."""

import ctypes
import errno
import fcntl
import os
import struct
from functools import cache
from pathlib import Path

from tracer.errors import LockwatchError, MachineError, NotPermittedError, TargetError
from tracer.process import read_mappings

PERF_EVENT_OPEN = 298
PERF_TYPE_TRACEPOINT = 2
PERF_FLAG_FD_CLOEXEC = 8
PERF_EVENT_IOC_SET_BPF = 0x40042408
ATTRIBUTES = 112  # bytes: PERF_ATTR_SIZE_VER5
# Nobody wants what the event itself counts: a program on it runs at each hit all the same, and the kernel has
# nothing to do for it at each switch of the thread that it was opened for: of many a server the event loop.
DISABLED = 1
HARDLY_CALLED = "gnu_get_libc_version"
UPROBE_TYPE = Path("/sys/bus/event_source/devices/uprobe/type")

_libc = ctypes.CDLL(None, use_errno=True)


def open_uprobe(path: str, offset: int, pid: int, program: int) -> int:
    """Runs a loaded program (an fd, type KPROBE) whenever `pid` executes the instruction at a file offset.

    All threads of the process are covered, those to come too; no other process traps. `path` may be a
    /proc/self/fd/N. The probe lasts until the returned fd is closed. Raises LockwatchError.
    """
    fd = _open_without_program(path, offset, pid)
    try:
        set_program(fd, program)
    except LockwatchError:
        os.close(fd)
        raise
    return fd


def open_idle_uprobe() -> int:
    """Probes a place of our own process that is hardly ever executed, for nothing. Raises LockwatchError."""
    return _open_without_program(*own_place(), os.getpid())


def _open_without_program(path: str, offset: int, pid: int) -> int:
    name = ctypes.create_string_buffer(os.fsencode(path))
    return open_event(_uprobe_type(), 0, pid, DISABLED, ctypes.addressof(name), offset)


@cache
def own_place() -> tuple[str, int]:
    """(file, offset) of HARDLY_CALLED in our own libc. Raises MachineError where there is none."""
    function = getattr(_libc, HARDLY_CALLED, None)
    address = ctypes.cast(function, ctypes.c_void_p).value or 0 if function else 0
    for mapping in read_mappings(os.getpid()):
        if mapping.start <= address < mapping.end:
            return mapping.path, address - mapping.start + mapping.offset
    raise MachineError(f"this libc has no {HARDLY_CALLED}")


def open_tracepoint(event: int, pid: int) -> int:
    """Opens the tracepoint or tracefs uprobe event of that id for one process. Raises LockwatchError."""
    return open_event(PERF_TYPE_TRACEPOINT, event, pid, DISABLED)


def open_event(kind: int, config: int, pid: int, flags: int = 0, path: int = 0, offset: int = 0) -> int:
    """perf_event_open for a thread on any CPU: it never samples. `path` is the address of a uprobe's."""
    attributes = struct.pack("<IIQQQQQIIQQ", kind, ATTRIBUTES, config, 0, 0, 0, flags, 0, 0, path, offset)
    buffer = ctypes.create_string_buffer(attributes, ATTRIBUTES)
    fd = int(_libc.syscall(PERF_EVENT_OPEN, buffer, pid, -1, -1, PERF_FLAG_FD_CLOEXEC))
    if fd < 0:
        raise failure(ctypes.get_errno(), pid)
    return fd


def set_program(event: int, program: int) -> None:
    """Makes an event run a BPF program at each hit. Raises MachineError."""
    try:
        fcntl.ioctl(event, PERF_EVENT_IOC_SET_BPF, program)
    except OSError as error:
        raise MachineError(
            f"the kernel refuses a BPF program on a uprobe: {os.strerror(error.errno or 0)}"
        ) from error


def _uprobe_type() -> int:
    try:
        return int(UPROBE_TYPE.read_text())
    except (OSError, ValueError) as error:
        raise MachineError("this kernel has no uprobes", "it needs CONFIG_UPROBE_EVENTS") from error


def failure(number: int, pid: int) -> LockwatchError:
    """The error of a probe that cannot be opened, by its errno."""
    reason = os.strerror(number)
    if number == errno.ESRCH:
        return TargetError(f"process {pid} is gone")
    if number in (errno.EPERM, errno.EACCES):
        return NotPermittedError(f"probing process {pid} is not permitted: {reason}", "run it with sudo")
    return MachineError(f"a uprobe in process {pid} cannot be opened: {reason}")
