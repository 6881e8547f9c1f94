"""What is asked of a target's memory, and how its code refers to its data."""

import struct
from collections.abc import Callable, Iterator
from typing import Protocol

LOAD, LOAD_ADDRESS = 0x8B, 0x8D
"""Opcodes of mov r64, [rip + n] and lea r64, [rip + n]."""

REX_PREFIXES = (0x48, 0x4C)
INSTRUCTION = 7

FunctionAddress = Callable[[str], int | None]
"""The run-time address of an exported function."""


class Reader(Protocol):
    """Memory that may be gone, change or be hostile: what cannot be read is None, or cut short."""

    def read(self, address: int, size: int) -> bytes | None: ...

    def read_some(self, address: int, size: int) -> bytes: ...

    def u64(self, address: int) -> int | None: ...

    def u32(self, address: int) -> int | None: ...

    def c_string(self, address: int, limit: int) -> str | None: ...


def words(data: bytes) -> tuple[int, ...]:
    """The whole 8-byte words of `data`."""
    count = len(data) // 8
    return struct.unpack_from(f"<{count}Q", data)


def code_references(code: bytes, address: int, opcode: int) -> Iterator[int]:
    """What the instructions of that opcode in `code`, which lies at `address`, refer to relative to rip."""
    for at in range(len(code) - INSTRUCTION + 1):
        if code[at] in REX_PREFIXES and code[at + 1] == opcode and code[at + 2] & 0xC7 == 5:
            yield address + at + INSTRUCTION + int.from_bytes(code[at + 3 : at + 7], "little", signed=True)
