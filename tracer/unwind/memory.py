"""The stack of a blocked thread, read from outside: a blocked thread's stack does not move.

The steps are those of bpf/unwind.h, with one addition: rbp may be unknown.
"""

from dataclasses import dataclass

from tracer.abi import number
from tracer.memory import Memory
from tracer.model.stacks import StackEnd
from tracer.unwind.files import FRAME_POINTERS
from tracer.unwind.rules import (
    ROW_DRAP,
    ROW_END,
    ROW_NONE,
    ROW_PLT,
    ROW_RBP,
    ROW_RSP,
    ROW_SIGNAL,
)
from tracer.unwind.tables import Tables

MAX_FRAMES = number("MAX_FRAMES")
WINDOW = 1 << 16  # bytes of stack that are read at once
GUESS_REACH = 1 << 15  # bytes above sp in which an unknown rbp is looked for
GUESS_STEPS = 20_000  # over all guesses: about 0.1 s
SIGNAL_RBP, SIGNAL_RSP, SIGNAL_RIP = 120, 160, 168  # in the kernel's rt signal frame, from rsp
FRAME_POINTER_REACH = 1 << 20  # bytes: farther away, rbp is no frame pointer
MASK = (1 << 64) - 1


class RbpNeededError(Exception):
    """The next step depends on rbp, which is unknown."""


class Words:
    """The target's memory by words, with the stack's next `WINDOW` bytes read in one go."""

    def __init__(self, memory: Memory, sp: int) -> None:
        self._memory = memory
        self._sp = sp
        self._window = memory.read_some(sp, WINDOW)

    def __getitem__(self, address: int) -> int | None:
        at = address - self._sp
        if 0 <= at <= len(self._window) - 8:
            return int.from_bytes(self._window[at : at + 8], "little")
        return self._memory.u64(address)


@dataclass(slots=True)
class Place:
    """A frame. `exact`: ip is the instruction itself, not a return address."""

    ip: int
    sp: int
    bp: int | None
    exact: bool


class Walker:
    """Walks stacks of one process by its tables."""

    def __init__(self, tables: Tables, words: Words, pid: int) -> None:
        self._tables = tables
        self._words = words
        self._pid = pid
        self.steps = 0

    def walk(self, place: Place, pcs: list[int]) -> StackEnd:
        """Appends the pc of each frame from `place` on, and says why there are no more.

        Raises RbpNeededError, with `place` at the frame that cannot be left.
        """
        while len(pcs) < MAX_FRAMES:
            pcs.append(place.ip)
            end = self.step(place)
            if end is not None:
                return end
        return StackEnd.TOO_DEEP

    def row(self, ip: int, exact: bool) -> int | None:
        """The row for a frame; None where its code has none but frame pointers. Raises LookupError."""
        pc = ip - (not exact)
        code = self._tables.code(self._pid, pc)
        if code is None:
            raise LookupError(pc)
        return None if code.file.flags & FRAME_POINTERS else self._tables.row(code, pc)

    def step(self, place: Place) -> StackEnd | None:
        """Moves to the caller; or says why that is impossible."""
        self.steps += 1
        try:
            row = self.row(place.ip, place.exact)
        except LookupError:
            return StackEnd.NO_MAPPING
        if row is None:
            return self._step_frame_pointer(place)
        kind = row & 255
        if kind == ROW_END:
            return StackEnd.COMPLETE
        if kind == ROW_SIGNAL:
            return self._step_signal(place)
        if kind in (ROW_RSP, ROW_RBP, ROW_PLT, ROW_DRAP):
            return self._step_row(place, kind, _signed(row >> 16, 16), _signed(row >> 8 & 255, 8) * 8)
        return StackEnd.NO_ROW if kind == ROW_NONE else StackEnd.BAD_ROW

    def _step_row(self, place: Place, kind: int, offset: int, slot: int) -> StackEnd | None:
        cfa = self._cfa(place, kind, offset)
        ip = None if cfa is None else self._words[cfa - 8 & MASK]
        if cfa is None or ip is None:
            return StackEnd.UNREADABLE
        if slot:
            bp = self._words[cfa + slot & MASK if slot < 0 else _known(place.bp)]
            if bp is None:
                return StackEnd.UNREADABLE
            place.bp = bp
        if not ip:
            return StackEnd.COMPLETE
        place.ip, place.sp, place.exact = ip, cfa, False
        return None

    def _cfa(self, place: Place, kind: int, offset: int) -> int | None:
        if kind == ROW_RSP:
            return place.sp + offset * 8 & MASK
        if kind == ROW_RBP:
            return _known(place.bp) + offset * 8 & MASK
        if kind == ROW_PLT:
            return place.sp + (16 if (place.ip & 15) >= offset else 8) & MASK
        return self._words[_known(place.bp) + offset * 8 & MASK]

    def _step_signal(self, place: Place) -> StackEnd | None:
        saved = [self._words[place.sp + at & MASK] for at in (SIGNAL_RIP, SIGNAL_RSP, SIGNAL_RBP)]
        ip, sp, bp = saved
        if ip is None or sp is None or bp is None:
            return StackEnd.UNREADABLE
        place.ip, place.sp, place.bp, place.exact = ip, sp, bp, True
        return None

    def _step_frame_pointer(self, place: Place) -> StackEnd | None:
        bp = _known(place.bp)
        if not 0 <= bp - place.sp <= FRAME_POINTER_REACH:
            return StackEnd.JIT
        saved, ip = self._words[bp], self._words[bp + 8 & MASK]
        if saved is None or not ip:
            return StackEnd.JIT
        place.ip, place.sp, place.bp, place.exact = ip, bp + 16, saved, False
        return None


def unwind_memory(
    tables: Tables, memory: Memory, pid: int, ip: int, sp: int, bp: int | None
) -> tuple[tuple[int, ...], StackEnd]:
    """The pcs of a blocked thread's stack, innermost first, and why there are no more.

    bp: None where it is unknown: then it is guessed at the first frame that needs it.
    """
    walker = Walker(tables, Words(memory, sp), pid)
    place = Place(ip, sp, bp, True)
    pcs: list[int] = []
    try:
        end = walker.walk(place, pcs)
    except RbpNeededError:
        return _guess(walker, place, pcs)
    return tuple(pcs), end


def _guess(walker: Walker, place: Place, pcs: list[int]) -> tuple[tuple[int, ...], StackEnd]:
    """Tries each stack slot as rbp, and takes the first from which the walk reaches an outermost frame.

    A chain that only runs into a zero is second choice.
    """
    walker.steps = 0
    second = None
    for bp in range(place.sp + 7 & -8, place.sp + GUESS_REACH, 8):
        if walker.steps > GUESS_STEPS:
            break
        trial = Place(place.ip, place.sp, bp, place.exact)
        if walker.step(trial) is not None or not _is_code(walker, trial.ip):
            continue
        found = pcs.copy()
        if walker.walk(trial, found) is not StackEnd.COMPLETE:
            continue
        if walker.row(trial.ip, trial.exact) == ROW_END:
            return tuple(found), StackEnd.COMPLETE
        second = second or found
    return (tuple(second), StackEnd.COMPLETE) if second else (tuple(pcs), StackEnd.UNREADABLE)


def _is_code(walker: Walker, return_address: int) -> bool:
    """The frame that a return address leads to can be left."""
    try:
        return walker.row(return_address, False) != ROW_NONE
    except LookupError:
        return False


def _known(bp: int | None) -> int:
    if bp is None:
        raise RbpNeededError
    return bp


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value
