"""The threads of a process that are asleep in futex(2) right now, from /proc."""

import struct
from dataclasses import dataclass
from pathlib import Path

from tracer.errors import LockwatchError
from tracer.memory import Memory
from tracer.process import thread_ids

# x86-64 system calls. RESTART goes on with a sleep that was interrupted, and leaves its arguments in place.
FUTEX, RESTART, FUTEX_WAITV, FUTEX_WAIT = 202, 219, 449, 455
WAIT_BITSET = 9  # what futex_wait and futex_waitv are counted as
WAIT_COMMANDS = {0, 6, WAIT_BITSET, 11, 13}  # with wait, lock_pi, wait_requeue_pi, lock_pi2
COMMAND_MASK = 127
PRIVATE = 128
U32 = 0xFFFFFFFF
WAITV_ENTRY = struct.Struct("<QQ")  # value, word: the start of struct futex_waitv


@dataclass(frozen=True, slots=True)
class BlockedThread:
    """A sleep that has not ended: the call's word, operation and expected value, and where it was made."""

    tid: int
    word: int
    operation: int
    value: int
    ip: int
    sp: int


def blocked_threads(pid: int) -> list[BlockedThread]:
    """All that sleep in futex(2) or one of its successors; none when the process is gone or not readable."""
    found = (_blocked(pid, tid) for tid in thread_ids(pid))
    return [thread for thread in found if thread is not None]


def _blocked(pid: int, tid: int) -> BlockedThread | None:
    try:
        text = Path(f"/proc/{pid}/task/{tid}/syscall").read_text()
    except OSError:
        return None
    return parse_call(pid, tid, text)


def parse_call(pid: int, tid: int, text: str) -> BlockedThread | None:
    """A line of /proc/PID/task/TID/syscall: number, six arguments, sp, pc; None if it is no futex wait."""
    fields = text.split()
    if len(fields) != 9:
        return None
    number, arguments = int(fields[0]), [int(field, 16) for field in fields[1:7]]
    sp, ip = int(fields[7], 16), int(fields[8], 16)
    if number == FUTEX or (number == RESTART and _sleeps_in_futex(pid, tid, arguments[1])):
        if arguments[1] & COMMAND_MASK not in WAIT_COMMANDS:
            return None
        return BlockedThread(tid, arguments[0], arguments[1] & U32, arguments[2] & U32, ip, sp)
    if number == FUTEX_WAIT:
        return BlockedThread(tid, arguments[0], WAIT_BITSET, arguments[1] & U32, ip, sp)
    if number == FUTEX_WAITV:
        value, word = _first_entry(pid, arguments[0])
        return BlockedThread(tid, word, WAIT_BITSET, value & U32, ip, sp) if word else None
    return None


def _first_entry(pid: int, address: int) -> tuple[int, int]:
    """Value and word of the first of several futexes; zeros when they cannot be read."""
    try:
        entry = Memory(pid).read(address, WAITV_ENTRY.size)
    except LockwatchError:
        entry = None
    value, word = WAITV_ENTRY.unpack(entry) if entry else (0, 0)
    return value, word


def _sleeps_in_futex(pid: int, tid: int, operation: int) -> bool:
    """Whether a restarted call is a futex wait: poll and nanosleep are restarted as well.

    Where the kernel does not say what it sleeps in, the private flag must do, which only futex calls have.
    """
    try:
        place = Path(f"/proc/{pid}/task/{tid}/wchan").read_text()
    except OSError:
        place = ""
    return "futex" in place if place not in ("", "0") else bool(operation & PRIVATE)
