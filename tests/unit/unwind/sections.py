"""Builds .eh_frame sections."""

import struct
from bisect import bisect_right

from tracer.elf import EhFrame
from tracer.unwind.frames import Frames, read_frames
from tracer.unwind.program import Machines

ADDRESS = 0x2000  # of .eh_frame
INDEX_ADDRESS = 0x1000  # of .eh_frame_hdr
# version 1, "zR", code alignment 1, data alignment -8, return address 16, pcs relative in 4 bytes;
# CFA = rsp + 8, return address at CFA - 8.
CIE = b"\x01zR\0\x01\x78\x10\x01\x1b" + b"\x0c\x07\x08\x90\x01"
# pc, size, program
Function = tuple[int, int, bytes]


def record(body: bytes) -> bytes:
    return struct.pack("<I", len(body)) + body


def eh_frame(functions: list[Function], cie: bytes = CIE, indexed: bool = True) -> EhFrame:
    data = record(b"\0\0\0\0" + cie)
    entries = []
    for pc, size, program in functions:
        at = len(data)
        entries.append((pc - INDEX_ADDRESS, ADDRESS + at - INDEX_ADDRESS))
        data += record(struct.pack("<IiI", at + 4, pc - (ADDRESS + at + 8), size) + b"\0" + program)
    data += b"\0\0\0\0"
    table = b"".join(struct.pack("<ii", *entry) for entry in sorted(entries))
    index = b"\x01\x1b\x03\x3b" + struct.pack("<iI", ADDRESS - INDEX_ADDRESS - 4, len(entries)) + table
    return EhFrame(data, ADDRESS, index if indexed else b"", INDEX_ADDRESS if indexed else 0)


def frames(*functions: Function, cie: bytes = CIE, indexed: bool = True) -> Frames:
    return read_frames(eh_frame(list(functions), cie, indexed), Machines())


def row_at(found: Frames, pc: int) -> int:
    """The low half of the row for a pc."""
    index = bisect_right(found.rows, pc << 32 | 0xFFFFFFFF) - 1
    return found.rows[index] & 0xFFFFFFFF if index >= 0 else 0


def row(kind: int, offset: int = 0, slot: int = 0) -> int:
    """The low half of a row; offset and slot in bytes."""
    return (offset // 8 & 0xFFFF) << 16 | (slot // 8 & 0xFF) << 8 | kind
