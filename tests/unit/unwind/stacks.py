"""A made-up process: a few functions with one row each, and a stack."""

from sections import row

from tracer.memory import READ_LIMIT, Memory
from tracer.unwind.files import FRAME_POINTERS, File
from tracer.unwind.rules import (
    ROW_BAD,
    ROW_DRAP,
    ROW_END,
    ROW_NONE,
    ROW_PLT,
    ROW_RBP,
    ROW_RSP,
    ROW_SIGNAL,
    SAVED_AT_RBP,
)
from tracer.unwind.tables import Code, Tables

PID = 1
STACK = 0x7FFF_0000_0000
FUNCTION = 0x100  # bytes of each
LEAF, PUSHED, FRAMED, ALIGNED, PLT, SIGNAL, OUTERMOST, UNKNOWN, BAD, STUCK, GENERATED = (
    0x10000 + index * FUNCTION for index in range(11)
)
ROWS = {
    LEAF: row(ROW_RSP, 8),
    PUSHED: row(ROW_RSP, 24, -16),
    FRAMED: row(ROW_RBP, 16, -16),
    ALIGNED: row(ROW_DRAP, -8, SAVED_AT_RBP),
    PLT: 11 << 16 | ROW_PLT,
    SIGNAL: ROW_SIGNAL,
    OUTERMOST: ROW_END,
    UNKNOWN: ROW_NONE,
    BAD: ROW_BAD,
    STUCK: row(ROW_RSP, 0),
}
CODE = Code(LEAF, GENERATED, 0, File(None))
GENERATED_CODE = Code(GENERATED, GENERATED + FUNCTION, 0, File(None, FRAME_POINTERS))


class MadeUpTables(Tables):
    """The functions above, in one mapping, and generated code without rows."""

    def code(self, pid: int, pc: int) -> Code | None:
        return next((code for code in (CODE, GENERATED_CODE) if code.start <= pc < code.end), None)

    def row(self, code: Code, pc: int) -> int:
        return ROWS[pc & -FUNCTION]


class StackMemory(Memory):
    """Words from STACK on; nothing else is mapped."""

    def __init__(self, *words: int) -> None:
        self._data = b"".join(word.to_bytes(8, "little") for word in words)

    def read_some(self, address: int, size: int) -> bytes:
        at = address - STACK
        return self._data[at : at + min(size, READ_LIMIT)] if 0 <= at < len(self._data) else b""
