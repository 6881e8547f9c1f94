""".eh_frame of one file: its functions (FDEs) and their rows."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tracer.elf import EhFrame
from tracer.errors import FileError
from tracer.unwind.cie import PC_RELATIVE_4, Cie, encoded_pc, read_cie
from tracer.unwind.leb import Cursor
from tracer.unwind.program import Machines

TEXT_LIMIT = 1 << 32  # rows hold 32 bits of pc
SECTION_LIMIT = 1 << 27  # bytes, of which some may lie behind the functions
PROGRAMS_LIMIT = 1 << 25  # bytes, over all functions
PROGRAM_LIMIT = 1 << 18  # bytes, of one function: thirty times the longest in libLLVM
ROWS_LIMIT = 1 << 23
SORTED_TABLE = bytes([0x03, 0x3B])  # .eh_frame_hdr: udata4 count, datarel | sdata4 entries
HEAD = struct.Struct("<IIiI")  # length, CIE pointer, pc relative to itself, size
LENGTH = struct.Struct("<II")


@dataclass(frozen=True, slots=True)
class Frames:
    """`rows` ascend by pc, one a pc; `functions` ascend and hold start << 32 | size."""

    rows: array[int]
    functions: array[int]


def read_frames(section: EhFrame, machines: Machines) -> Frames:
    """The rows of every function that can be read; damaged ones are left out.

    machines: what other files' functions have already taught.
    Raises FileError when the section is beyond all measure.
    """
    if len(section.data) > SECTION_LIMIT:
        raise FileError("unwind section too large")
    rows: list[int] = []
    functions: list[int] = []
    if not _append(_functions(section, machines), rows, functions):
        functions.sort()
        # Where functions overlap, the real row of a pc wins over the gap's, whose low half is 0.
        rows = list({row >> 32: row for row in sorted(rows)}.values())
    return Frames(array("Q", rows), array("Q", functions))


def _append(found: Iterable[tuple[int, int, list[int]]], rows: list[int], functions: list[int]) -> bool:
    """Appends all rows; after each function one of type ROW_NONE (0), unless the next begins there.

    Returns whether they ascend.
    """
    end, ascending = -1, True
    for pc, size, relative in found:
        if relative[-1] >> 32 >= size:
            relative = [row for row in relative if row >> 32 < size]
        if pc == end:
            rows.pop()
        elif pc < end:
            ascending = False
        base = pc << 32
        rows += [base + row for row in relative]
        end = pc + size
        rows.append(end << 32)
        functions.append(base | size)
        if len(rows) > ROWS_LIMIT:
            raise FileError("damaged unwind section: too many rows")
    return ascending


def _functions(section: EhFrame, machines: Machines) -> Iterator[tuple[int, int, list[int]]]:
    """Each readable function's pc, its size and its rows relative to the pc."""
    data, address, unpack = section.data, section.address, HEAD.unpack_from
    cies: dict[int, Cie | None] = {}
    budget = min(len(data), PROGRAMS_LIMIT)
    for at in _function_offsets(section):
        length, pointer, begin, size = unpack(data, at)
        if length > PROGRAM_LIMIT or at + 4 + length > len(data):
            continue
        budget -= length
        if budget < 0:
            raise FileError("damaged unwind section: its functions overlap")
        identity = at + 4 - pointer
        try:
            cie = cies[identity]
        except KeyError:
            cie = cies[identity] = read_cie(section, identity, machines)
        if cie is None:
            continue
        if cie.encoding == PC_RELATIVE_4 and cie.augmented and data[at + 16] < 0x80:
            pc, program = address + at + 8 + begin, data[at + 17 + data[at + 16] : at + 4 + length]
        else:
            pc, size, program = _unusual(section, at, length, cie)
        if 0 <= pc < pc + size < TEXT_LIMIT:
            yield pc, size, cie.machine.rows(program)


def _function_offsets(section: EhFrame) -> Iterable[int]:
    """Where functions are described in the section: by the linker's sorted table, else from front to back."""
    last = len(section.data) - HEAD.size - 1
    index = section.index
    if index[2:4] != SORTED_TABLE or len(index) < 20:
        return _scan(section.data, last)
    count = int.from_bytes(index[8:12], "little")
    entries = array("i", index[12 : min(12 + 8 * count, len(index) - (len(index) - 12) % 8)])
    shift = section.index_address - section.address
    return [offset + shift for offset in entries[1::2] if 0 <= offset + shift <= last]


def _scan(data: bytes, last: int) -> Iterator[int]:
    at = 0
    while at <= last:
        length, pointer = LENGTH.unpack_from(data, at)
        if length == 0:
            return
        if pointer:
            yield at
        at += 4 + length


def _unusual(section: EhFrame, at: int, length: int, cie: Cie) -> tuple[int, int, bytes]:
    """A function's pc, size and program where they are not encoded as everybody does; size 0 if damaged."""
    cursor = Cursor(section.data, at + 8, at + 4 + length)
    try:
        pc = encoded_pc(cursor, cie.encoding, section.address)
        size = encoded_pc(cursor, cie.encoding & 0x0F, 0)
        if cie.augmented:
            cursor.take(cursor.uleb())
    except FileError:
        return 0, 0, b""
    return pc, size, section.data[cursor.at : cursor.end]
