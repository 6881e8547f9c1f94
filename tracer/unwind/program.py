"""Runs call frame instructions: a function's program becomes rows.

The hot loop is a regular expression and a dictionary: a program is cut behind each advance of the pc, and
what a piece does to a state is worked out once, by `Machine._run`, and remembered in the state.
"""

import re
from collections.abc import Callable
from typing import Final

from tracer.errors import FileError
from tracer.unwind.leb import Cursor
from tracer.unwind.rules import (
    NO_SLOT,
    ROW_BAD,
    ROW_DRAP,
    ROW_PLT,
    ROW_RBP,
    ROW_RSP,
    ROW_SIGNAL,
    SAVED_AT_RBP,
    UNKNOWN,
    ReturnAddress,
    Rules,
)

NOT_UNDERSTOOD = -1
RBP, RSP, RETURN_ADDRESS = 6, 7, 16
DEREFERENCE = 0x06  # DW_OP_deref
AT_RBP = b"\x76\0"  # DW_OP_breg6 0
SIGNAL_CFA = b"\x77\xa0\x01\x06"  # *(rsp + 160): rsp in the kernel's signal frame
# rsp + 8 + ((rip & 15) >= N) * 8, as linkers write it for the PLT; N is in the one byte that varies.
PLT_CFA = re.compile(rb"\x77\x08\x80\x00\x3f\x1a([\x30-\x3f])\x2a\x33\x24\x22", re.DOTALL)

_LEB = rb"[\x80-\xff]*[\0-\x7f]"
_BLOCK = b"(?:" + b"|".join(re.escape(bytes([size])) + b".{%d}" % size for size in range(128)) + b")"
_PLAIN = (
    rb"(?:[\x0e\x80-\xbf]" + _LEB + rb"|[\0\x0a\x0b\xc0-\xff]"
    rb"|[\x06-\x08\x0d\x13\x2e]"
    + _LEB
    + rb"|[\x05\x09\x0c\x11\x12\x14\x15]"
    + _LEB
    + _LEB
    + rb"|\x0f"
    + _BLOCK
) + (rb"|[\x10\x16]" + _LEB + _BLOCK + rb")*")
_ADVANCE = rb"(?:[\x40-\x7f]|\x02.|\x03..|\x04.{4})"
PIECES: Final = re.compile(_PLAIN + rb"(?:" + _ADVANCE + rb"|.+|\Z)", re.DOTALL).findall


class State:
    """Rules, what DW_CFA_remember_state put aside, and where known pieces lead: (state, advance << 32)."""

    __slots__ = ("after", "remembered", "row", "rules")

    def __init__(self, rules: Rules, remembered: "State | None") -> None:
        self.rules = rules
        self.remembered = remembered
        self.row = rules.encode()
        self.after: dict[bytes, tuple[State, int]] = {}


class Machine:
    """Runs the programs of all functions that share one CIE.

    code_alignment, data_alignment: the CIE's factors, in bytes; beginning: the CIE's own instructions.
    """

    def __init__(self, code_alignment: int, data_alignment: int, beginning: bytes) -> None:
        self.code_alignment = code_alignment
        self.data_alignment = data_alignment
        self._states: dict[tuple[Rules, State | None], State] = {}
        self._known: dict[bytes, list[int]] = {}
        self._initial = self._state(UNKNOWN, None)
        for piece in PIECES(beginning):
            self._initial, _ = self._run(self._initial, piece)

    def rows(self, program: bytes) -> list[int]:
        """At least one row, ascending, each `bytes since the function's start << 32 | encoded rules`."""
        known = self._known.get(program)
        if known is None:
            known = self._known[program] = self._expand(program)
        return known

    def _expand(self, program: bytes) -> list[int]:
        state, pc, last = self._initial, 0, -1
        rows: list[int] = []
        for piece in PIECES(program):
            known = state.after.get(piece)
            if known is None:
                known = state.after[piece] = self._run(state, piece)
            state, advance = known
            if advance > 0:
                if state.row != last:
                    last = state.row
                    rows.append(pc | last)
                pc += advance
            elif advance < 0:
                break
        if state.row != last:
            rows.append(pc | state.row)
        return rows

    def _state(self, rules: Rules, remembered: State | None) -> State:
        key = rules, remembered
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = State(rules, remembered)
        return state

    def _run(self, state: State, piece: bytes) -> tuple[State, int]:
        """The state after a piece, and its advance: NOT_UNDERSTOOD where no later row can be right."""
        cursor = Cursor(piece)
        try:
            while cursor.more:
                code = cursor.fixed(1)
                advance = self._advance(code, cursor)
                if advance is not None:
                    return state, advance * self.code_alignment << 32
                state = self._instruct(state, code, cursor)
        except FileError:
            return self._state(UNKNOWN, None), NOT_UNDERSTOOD
        return state, 0

    @staticmethod
    def _advance(code: int, cursor: Cursor) -> int | None:
        if code >> 6 == 1:
            return code & 0x3F
        size = {0x02: 1, 0x03: 2, 0x04: 4}.get(code)
        return None if size is None else cursor.fixed(size)

    def _instruct(self, state: State, code: int, cursor: Cursor) -> State:
        if code == 0x0A:
            return self._state(state.rules, state)
        if code == 0x0B:
            if state.remembered is None:
                raise FileError("damaged unwind section: nothing was remembered")
            return state.remembered
        rules = state.rules
        if code >> 6 == 2:
            rules = self._saved(rules, code & 0x3F, cursor.uleb() * self.data_alignment)
        elif code >> 6 == 3:
            rules = self._restored(rules, code & 0x3F)
        else:
            handler = HANDLERS.get(code)
            if handler is None:
                raise FileError(f"unknown call frame instruction {code:#x}")
            rules = handler(self, rules, cursor)
        return state if rules == state.rules else self._state(rules, state.remembered)

    @staticmethod
    def _saved(rules: Rules, register: int, offset: int) -> Rules:
        if register == RBP:
            return rules._replace(slot=offset if offset < 0 else NO_SLOT)
        if register == RETURN_ADDRESS and offset == -8:
            return rules._replace(return_address=ReturnAddress.BELOW_CFA)
        return _elsewhere(rules, register)

    def _restored(self, rules: Rules, register: int) -> Rules:
        initial = self._initial.rules
        if register == RBP:
            return rules._replace(slot=initial.slot)
        if register in (RSP, RETURN_ADDRESS):
            return rules._replace(return_address=initial.return_address)
        return rules


def _elsewhere(rules: Rules, register: int) -> Rules:
    """A register is found in a way that no row can say."""
    if register == RBP:
        return rules._replace(slot=NO_SLOT)
    if register in (RSP, RETURN_ADDRESS):
        return rules._replace(return_address=ReturnAddress.ELSEWHERE)
    return rules


def _base(register: int) -> int:
    return {RSP: ROW_RSP, RBP: ROW_RBP}.get(register, ROW_BAD)


def _cfa(machine: Machine, rules: Rules, cursor: Cursor) -> Rules:
    return rules._replace(kind=_base(cursor.uleb()), offset=cursor.uleb())


def _cfa_factored(machine: Machine, rules: Rules, cursor: Cursor) -> Rules:
    return rules._replace(kind=_base(cursor.uleb()), offset=cursor.sleb() * machine.data_alignment)


def _cfa_register(machine: Machine, rules: Rules, cursor: Cursor) -> Rules:
    return rules._replace(kind=_base(cursor.uleb()))


def _cfa_offset(machine: Machine, rules: Rules, cursor: Cursor) -> Rules:
    offset = cursor.uleb()
    return rules._replace(offset=offset, kind=rules.kind if rules.kind in (ROW_RSP, ROW_RBP) else ROW_BAD)


def _cfa_offset_factored(machine: Machine, rules: Rules, cursor: Cursor) -> Rules:
    offset = cursor.sleb() * machine.data_alignment
    return rules._replace(offset=offset, kind=rules.kind if rules.kind in (ROW_RSP, ROW_RBP) else ROW_BAD)


def _cfa_expression(machine: Machine, rules: Rules, cursor: Cursor) -> Rules:
    code = cursor.take(cursor.uleb())
    plt = PLT_CFA.fullmatch(code)
    if plt:
        return rules._replace(kind=ROW_PLT, offset=plt[1][0] - 0x30)
    if code == SIGNAL_CFA:
        return rules._replace(kind=ROW_SIGNAL)
    if code[:1] == AT_RBP[:1] and code[-1] == DEREFERENCE:
        base = Cursor(code, 1, len(code) - 1)
        offset = base.sleb()
        if not base.more:
            return rules._replace(kind=ROW_DRAP, offset=offset)
    return rules._replace(kind=ROW_BAD)


def _offset(machine: Machine, rules: Rules, cursor: Cursor) -> Rules:
    return machine._saved(rules, cursor.uleb(), cursor.uleb() * machine.data_alignment)


def _offset_factored(machine: Machine, rules: Rules, cursor: Cursor) -> Rules:
    return machine._saved(rules, cursor.uleb(), cursor.sleb() * machine.data_alignment)


def _restore(machine: Machine, rules: Rules, cursor: Cursor) -> Rules:
    return machine._restored(rules, cursor.uleb())


def _undefined(machine: Machine, rules: Rules, cursor: Cursor) -> Rules:
    register = cursor.uleb()
    if register == RETURN_ADDRESS:
        return rules._replace(return_address=ReturnAddress.NONE)
    return _elsewhere(rules, RSP) if register == RSP else _unchanged(rules, register)


def _same_value(machine: Machine, rules: Rules, cursor: Cursor) -> Rules:
    register = cursor.uleb()
    return _elsewhere(rules, register) if register == RETURN_ADDRESS else _unchanged(rules, register)


def _unchanged(rules: Rules, register: int) -> Rules:
    return rules._replace(slot=0) if register == RBP else rules


def _in_register(machine: Machine, rules: Rules, cursor: Cursor) -> Rules:
    rules = _elsewhere(rules, cursor.uleb())
    cursor.uleb()
    return rules


def _expression(machine: Machine, rules: Rules, cursor: Cursor) -> Rules:
    register, code = cursor.uleb(), cursor.take(cursor.uleb())
    if register == RBP and code == AT_RBP:
        return rules._replace(slot=SAVED_AT_RBP)
    return _elsewhere(rules, register)


def _value_expression(machine: Machine, rules: Rules, cursor: Cursor) -> Rules:
    register = cursor.uleb()
    cursor.take(cursor.uleb())
    return _elsewhere(rules, register)


def _nothing(machine: Machine, rules: Rules, cursor: Cursor) -> Rules:
    return rules


def _arguments_size(machine: Machine, rules: Rules, cursor: Cursor) -> Rules:
    cursor.uleb()
    return rules


HANDLERS: Final[dict[int, Callable[[Machine, Rules, Cursor], Rules]]] = {
    0x00: _nothing,
    0x05: _offset,
    0x06: _restore,
    0x07: _undefined,
    0x08: _same_value,
    0x09: _in_register,
    0x0C: _cfa,
    0x0D: _cfa_register,
    0x0E: _cfa_offset,
    0x0F: _cfa_expression,
    0x10: _expression,
    0x11: _offset_factored,
    0x12: _cfa_factored,
    0x13: _cfa_offset_factored,
    0x14: _in_register,
    0x15: _in_register,
    0x16: _value_expression,
    0x2E: _arguments_size,
}
