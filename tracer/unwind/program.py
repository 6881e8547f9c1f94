"""Runs the call frame instructions of a function: its program becomes rows.

The hot loop is a regular expression and dictionaries: a program is cut at each advance of the pc, and what
the instructions in between do to a state is worked out once and remembered in the state.
"""

import re
from typing import Final

from tracer.errors import FileError
from tracer.unwind.instructions import Shared, execute
from tracer.unwind.leb import Cursor
from tracer.unwind.rules import ROW_BAD, UNKNOWN, Rules

REMEMBER, RECALL = 0x0A, 0x0B  # DW_CFA_remember_state, DW_CFA_restore_state
NOT_UNDERSTOOD = -1

_LEB = rb"[\x80-\xff]*[\0-\x7f]"
_BLOCK = b"(?:" + b"|".join(re.escape(bytes([size])) + b".{%d}" % size for size in range(128)) + b")"
_PLAIN = b"|".join(
    [
        rb"[\x0e\x80-\xbf]" + _LEB,
        rb"[\0\x0a\x0b\xc0-\xff]",
        rb"[\x06-\x08\x0d\x13\x2e]" + _LEB,
        rb"[\x05\x09\x0c\x11\x12\x14\x15]" + _LEB + _LEB,
        rb"\x0f" + _BLOCK,
        rb"[\x10\x16]" + _LEB + _BLOCK,
    ]
)
_ADVANCE = rb"[\x40-\x7f]|\x02.|\x03..|\x04.{4}"
# (instructions that are no advance, an advance); the last advance is empty, or all that was not understood.
PIECES: Final = re.compile(b"((?:%b)*)(%b|.*)" % (_PLAIN, _ADVANCE), re.DOTALL).findall


class State:
    """Rules, what DW_CFA_remember_state put aside, and where known instructions lead."""

    __slots__ = ("after", "remembered", "row", "rules")

    def __init__(self, rules: Rules, remembered: "State | None") -> None:
        self.rules = rules
        self.remembered = remembered
        self.row = rules.encode()
        self.after: dict[bytes, State] = {}


class Effort:
    """How many bytes of instructions may be worked out one by one: a dozen times libclang's."""

    LIMIT = 1 << 18

    def __init__(self) -> None:
        self._spent = 0

    def spend(self, size: int) -> None:
        self._spent += size
        if self._spent > self.LIMIT:
            raise FileError("damaged unwind section: no two of its functions are alike")


class Machine:
    """Runs the programs of all functions whose CIEs agree.

    code_alignment, data_alignment: the CIE's factors, in bytes; beginning: the CIE's own instructions.
    """

    def __init__(self, code_alignment: int, data_alignment: int, beginning: bytes, effort: Effort) -> None:
        self._effort = effort
        self._code_alignment = code_alignment
        self._shared = Shared(data_alignment)
        self._states: dict[tuple[Rules, State | None], State] = {}
        self._known: dict[bytes, list[int]] = {}
        self._advances: dict[bytes, int] = {b"": 0}
        self._broken = State(UNKNOWN, None)
        state = self._state(UNKNOWN, None)
        for plain, _ in PIECES(beginning):
            state = self._run(state, plain)
        self._initial = state
        self._shared.initial = state.rules

    def rows(self, program: bytes) -> list[int]:
        """At least one row, ascending, each `bytes since the function's start << 32 | encoded rules`.

        Raises FileError when the programs so far have been too much to work out.
        """
        known = self._known.get(program)
        if known is None:
            known = self._known[program] = self._expand(program)
        return known

    def _expand(self, program: bytes) -> list[int]:
        state, pc, last = self._initial, 0, -1
        advances = self._advances
        rows: list[int] = []
        for plain, advance in PIECES(program):
            if plain:
                known = state.after.get(plain)
                if known is None:
                    known = state.after[plain] = self._run(state, plain)
                state = known
            step = advances.get(advance)
            if step is None:
                step = advances[advance] = self._advance(advance)
            if step > 0:
                if state.row != last:
                    last = state.row
                    rows.append(pc | last)
                pc += step
            elif step < 0:
                return [*rows, pc | ROW_BAD]
        if state.row != last:
            rows.append(pc | state.row)
        return rows

    def _advance(self, instruction: bytes) -> int:
        """By how much the pc advances, << 32; NOT_UNDERSTOOD where no later row can be right.

        Nobody writes an advance by 0: it counts as not understood, so that rows ascend.
        """
        code, operand = instruction[0], instruction[1:]
        delta = 0
        if code >> 6 == 1:
            delta = code & 0x3F
        elif len(operand) == {0x02: 1, 0x03: 2, 0x04: 4}.get(code):
            delta = int.from_bytes(operand, "little")
        return delta * self._code_alignment << 32 or NOT_UNDERSTOOD

    def _run(self, state: State, plain: bytes) -> State:
        """The state after instructions that are no advance. Nothing leads out of the broken state."""
        self._effort.spend(len(plain))
        cursor = Cursor(plain)
        try:
            while cursor.more and state is not self._broken:
                state = self._instruct(state, cursor)
        except FileError:
            return self._broken
        return state

    def _instruct(self, state: State, cursor: Cursor) -> State:
        code = cursor.fixed(1)
        if code == REMEMBER:
            return self._state(state.rules, state)
        if code == RECALL:
            return state.remembered or self._broken
        rules = execute(self._shared, state.rules, code, cursor)
        return self._state(rules, state.remembered)

    def _state(self, rules: Rules, remembered: State | None) -> State:
        key = rules, remembered
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = State(rules, remembered)
        return state


class Machines:
    """One machine for all CIEs that agree: most files' do."""

    def __init__(self) -> None:
        self._effort = Effort()
        self._machines: dict[tuple[int, int, bytes], Machine] = {}

    def get(self, code_alignment: int, data_alignment: int, beginning: bytes) -> Machine:
        key = code_alignment, data_alignment, beginning
        if key not in self._machines:
            self._machines[key] = Machine(code_alignment, data_alignment, beginning, self._effort)
        return self._machines[key]
