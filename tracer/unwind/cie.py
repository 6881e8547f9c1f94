"""What functions share in .eh_frame: common information entries."""

from dataclasses import dataclass

from tracer.elf import EhFrame
from tracer.errors import FileError
from tracer.unwind.instructions import RETURN_ADDRESS
from tracer.unwind.leb import Cursor
from tracer.unwind.program import Machine, Machines

PC_RELATIVE, PC_RELATIVE_4 = 0x10, 0x1B  # DW_EH_PE_pcrel; with DW_EH_PE_sdata4
FORMATS = {  # DW_EH_PE_*: bytes, signed
    0x00: (8, False),
    0x02: (2, False),
    0x03: (4, False),
    0x04: (8, False),
    0x0A: (2, True),
    0x0B: (4, True),
    0x0C: (8, True),
}
INDIRECT = 0x80


@dataclass(frozen=True, slots=True)
class Cie:
    """`encoding` is that of the functions' pcs; `augmented`: each has a block of extra data."""

    machine: Machine
    encoding: int
    augmented: bool


def read_cie(section: EhFrame, at: int, machines: Machines) -> Cie | None:
    """The entry at an offset of the section; None where it is damaged or of another machine."""
    data = section.data
    if not 0 <= at <= len(data) - 16 or data[at + 4 : at + 8] != b"\0\0\0\0":
        return None
    cursor = Cursor(data, at + 8, at + 4 + int.from_bytes(data[at : at + 4], "little"))
    try:
        version = cursor.fixed(1)
        letters = data[cursor.at : data.index(b"\0", cursor.at, cursor.end)]
        cursor.take(len(letters) + (3 if version == 4 else 1))
        code_alignment, data_alignment = cursor.uleb(), cursor.sleb()
        register = cursor.fixed(1) if version == 1 else cursor.uleb()
        if register != RETURN_ADDRESS or version not in (1, 3, 4) or code_alignment == 0:
            return None
        augmented = letters[:1] == b"z"
        encoding = _pc_encoding(cursor, letters) if augmented else 0
    except (FileError, ValueError):
        return None
    machine = machines.get(code_alignment, data_alignment, data[cursor.at : cursor.end])
    return Cie(machine, encoding, augmented)


def _pc_encoding(cursor: Cursor, letters: bytes) -> int:
    """Reads the augmentation data and leaves the cursor behind it."""
    block = Cursor(cursor.take(cursor.uleb()))
    encoding = 0
    for letter in letters[1:].decode("latin-1"):
        if letter == "R":
            encoding = block.fixed(1)
        elif letter == "L":
            block.fixed(1)
        elif letter == "P":
            encoded_pc(block, block.fixed(1) & ~INDIRECT, 0)
        elif letter != "S":
            break
    return encoding


def encoded_pc(cursor: Cursor, encoding: int, address: int) -> int:
    """A pointer; `address` is that of the data that the cursor is in. Raises FileError."""
    if encoding & 0x0F not in FORMATS or encoding & 0xF0 not in (0, PC_RELATIVE):
        raise FileError(f"damaged unwind section: pointer encoding {encoding:#x}")
    base = address + cursor.at if encoding & PC_RELATIVE else 0
    size, signed = FORMATS[encoding & 0x0F]
    return base + cursor.fixed(size, signed)
