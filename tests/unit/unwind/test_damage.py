"""Damaged unwind sections: ascending rows of known types, or a FileError, and never for long."""

import random
import struct
from itertools import pairwise

import pytest
from sections import ADDRESS, CIE, INDEX_ADDRESS, eh_frame, frames

from tracer.elf import EhFrame
from tracer.errors import FileError
from tracer.unwind.blocks import build_blocks
from tracer.unwind.frames import TEXT_LIMIT, read_frames
from tracer.unwind.program import Machines
from tracer.unwind.rules import ROW_BAD

PROGRAMS = (
    b"",
    b"\x41\x0e\x10\x86\x02\x43\x0d\x06\x02\x30\xc6\x0c\x07\x08",
    b"\x42\x0e\x10\x8f\x02\x42\x0e\x18\x8e\x03\x44\x0a\x0e\x10\x41\x0b",
    b"\x0f\x03\x76\x78\x06\x10\x06\x02\x76\x00",
)
SECTION = eh_frame([(0x4000 + 64 * index, 60, PROGRAMS[index % 4]) for index in range(60)])


def check(section: EhFrame) -> int:
    """How many rows come out; all of them in order."""
    try:
        found = read_frames(section, Machines())
    except FileError:
        return 0
    pcs = [row >> 32 for row in found.rows]
    assert all(before < after for before, after in pairwise(pcs))
    assert all(row & 255 <= ROW_BAD for row in found.rows)
    assert all(pc < TEXT_LIMIT for pc in pcs)
    assert list(found.functions) == sorted(found.functions)
    if found.rows:
        build_blocks(found.rows, 0)
    return len(pcs)


def damaged(data: bytes, chance: random.Random) -> bytes:
    """The data with some bytes changed, or cut off somewhere, or with a piece moved."""
    copy = bytearray(data)
    for _ in range(chance.randrange(1, 12)):
        copy[chance.randrange(len(copy))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
    if chance.random() < 0.3:
        del copy[chance.randrange(len(copy)) :]
    if chance.random() < 0.2:
        at = chance.randrange(len(copy) + 1)
        copy[at:at] = copy[: chance.randrange(200)]
    return bytes(copy)


@pytest.mark.parametrize("seed", range(20))
def test_damaged_bytes(seed: int) -> None:
    chance = random.Random(seed)
    survived = 0
    for _ in range(25):
        data, index = damaged(SECTION.data, chance), SECTION.index
        if chance.random() < 0.5:
            index = b"" if chance.random() < 0.5 else damaged(index, chance)
        survived += check(EhFrame(data, ADDRESS, index, INDEX_ADDRESS)) > 0
    assert survived > 5


@pytest.mark.parametrize("seed", range(20))
def test_programs_of_random_bytes(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(40):
        program = chance.randbytes(chance.randrange(200))
        assert frames((0x4000, 1000, program)).rows


def test_nothing_but_noise() -> None:
    chance = random.Random(1)
    for size in (0, 1, 15, 16, 17, 100, 5000):
        noise = chance.randbytes(size)
        check(EhFrame(noise, ADDRESS, b"", 0))
        check(EhFrame(noise, ADDRESS, noise, INDEX_ADDRESS))


def test_a_row_of_remembered_states() -> None:
    found = frames((0x4000, 1000, b"\x0a" * 200_000))
    assert len(found.rows) == 2


def test_more_instructions_than_can_be_worked_out() -> None:
    """Each function begins with a rule of its own, so that nothing that was learnt can be used again."""
    functions = [(0x4000 + 64 * index, 64, b"\x0e%c" % index + b"\x0a" * 50_000) for index in range(10)]
    with pytest.raises(FileError, match="no two of its functions"):
        frames(*functions)


def test_a_table_that_names_one_long_function_again_and_again() -> None:
    section = eh_frame([(0x4000, 1 << 30, b"\x41\x0e\x10\x41\x0e\x08" * 10_000)])
    index = section.index[:8] + struct.pack("<I", 100_000) + section.index[12:] * 100_000
    with pytest.raises(FileError, match="overlap"):
        read_frames(EhFrame(section.data, ADDRESS, index, INDEX_ADDRESS), Machines())


def test_many_functions_at_one_place() -> None:
    section = eh_frame([(0x4000, 100, b"\x41\x0e\x10")] * 2000)
    assert check(section) == 3


def test_a_function_as_large_as_the_text_may_be() -> None:
    found = frames((0x4000, 0x7000_0000, b"\x04\xff\xff\xff\x6f\x0e\x10"), cie=CIE)
    assert [row >> 32 for row in found.rows] == [0x4000, 0x4000 + 0x6FFFFFFF, 0x4000 + 0x7000_0000]
