"""What one call frame instruction does to the rules."""

import re
from collections.abc import Callable
from dataclasses import dataclass
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

RBP, RSP, RETURN_ADDRESS = 6, 7, 16
DEREFERENCE = 0x06  # DW_OP_deref
AT_RBP = b"\x76\0"  # DW_OP_breg6 0
SIGNAL_CFA = b"\x77\xa0\x01\x06"  # *(rsp + 160): rsp in the kernel's signal frame
# rsp + 8 + ((rip & 15) >= N) * 8, as linkers write it for the PLT; N is in the one byte that varies.
PLT_CFA = re.compile(rb"\x77\x08\x80\x00\x3f\x1a([\x30-\x3f])\x2a\x33\x24\x22", re.DOTALL)


@dataclass(slots=True)
class Shared:
    """What the functions of one CIE share: the factor of offsets, in bytes, and the rules they begin with."""

    data_alignment: int
    initial: Rules = UNKNOWN


def execute(shared: Shared, rules: Rules, code: int, cursor: Cursor) -> Rules:
    """The rules after the instruction whose first byte is `code`; the cursor is at its operands.

    Raises FileError for what is damaged or unknown.
    """
    if code >> 6 == 2:
        return _saved(rules, code & 0x3F, cursor.uleb() * shared.data_alignment)
    if code >> 6 == 3:
        return _restored(shared, rules, code & 0x3F)
    handler = HANDLERS.get(code)
    if handler is None:
        raise FileError(f"unknown call frame instruction {code:#x}")
    return handler(shared, rules, cursor)


def _saved(rules: Rules, register: int, offset: int) -> Rules:
    if register == RBP:
        return rules._replace(slot=offset if offset < 0 else NO_SLOT)
    if register == RETURN_ADDRESS and offset == -8:
        return rules._replace(return_address=ReturnAddress.BELOW_CFA)
    return _elsewhere(rules, register)


def _restored(shared: Shared, rules: Rules, register: int) -> Rules:
    if register == RBP:
        return rules._replace(slot=shared.initial.slot)
    if register in (RSP, RETURN_ADDRESS):
        return rules._replace(return_address=shared.initial.return_address)
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


def _cfa(shared: Shared, rules: Rules, cursor: Cursor) -> Rules:
    return rules._replace(kind=_base(cursor.uleb()), offset=cursor.uleb())


def _cfa_factored(shared: Shared, rules: Rules, cursor: Cursor) -> Rules:
    return rules._replace(kind=_base(cursor.uleb()), offset=cursor.sleb() * shared.data_alignment)


def _cfa_register(shared: Shared, rules: Rules, cursor: Cursor) -> Rules:
    return rules._replace(kind=_base(cursor.uleb()))


def _cfa_offset(shared: Shared, rules: Rules, cursor: Cursor) -> Rules:
    offset = cursor.uleb()
    return rules._replace(offset=offset, kind=rules.kind if rules.kind in (ROW_RSP, ROW_RBP) else ROW_BAD)


def _cfa_offset_factored(shared: Shared, rules: Rules, cursor: Cursor) -> Rules:
    offset = cursor.sleb() * shared.data_alignment
    return rules._replace(offset=offset, kind=rules.kind if rules.kind in (ROW_RSP, ROW_RBP) else ROW_BAD)


def _cfa_expression(shared: Shared, rules: Rules, cursor: Cursor) -> Rules:
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


def _offset(shared: Shared, rules: Rules, cursor: Cursor) -> Rules:
    return _saved(rules, cursor.uleb(), cursor.uleb() * shared.data_alignment)


def _offset_factored(shared: Shared, rules: Rules, cursor: Cursor) -> Rules:
    return _saved(rules, cursor.uleb(), cursor.sleb() * shared.data_alignment)


def _restore(shared: Shared, rules: Rules, cursor: Cursor) -> Rules:
    return _restored(shared, rules, cursor.uleb())


def _undefined(shared: Shared, rules: Rules, cursor: Cursor) -> Rules:
    register = cursor.uleb()
    if register == RETURN_ADDRESS:
        return rules._replace(return_address=ReturnAddress.NONE)
    return _elsewhere(rules, RSP) if register == RSP else _unchanged(rules, register)


def _same_value(shared: Shared, rules: Rules, cursor: Cursor) -> Rules:
    register = cursor.uleb()
    return _elsewhere(rules, register) if register == RETURN_ADDRESS else _unchanged(rules, register)


def _unchanged(rules: Rules, register: int) -> Rules:
    return rules._replace(slot=0) if register == RBP else rules


def _in_register(shared: Shared, rules: Rules, cursor: Cursor) -> Rules:
    rules = _elsewhere(rules, cursor.uleb())
    cursor.uleb()
    return rules


def _expression(shared: Shared, rules: Rules, cursor: Cursor) -> Rules:
    register, code = cursor.uleb(), cursor.take(cursor.uleb())
    if register == RBP and code == AT_RBP:
        return rules._replace(slot=SAVED_AT_RBP)
    return _elsewhere(rules, register)


def _value_expression(shared: Shared, rules: Rules, cursor: Cursor) -> Rules:
    register = cursor.uleb()
    cursor.take(cursor.uleb())
    return _elsewhere(rules, register)


def _nothing(shared: Shared, rules: Rules, cursor: Cursor) -> Rules:
    return rules


def _arguments_size(shared: Shared, rules: Rules, cursor: Cursor) -> Rules:
    cursor.uleb()
    return rules


HANDLERS: Final[dict[int, Callable[[Shared, Rules, Cursor], Rules]]] = {
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
