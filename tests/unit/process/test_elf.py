"""ELF files: whole, damaged and cut short."""

import os
import random
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tracer.elf import Elf
from tracer.errors import FileError
from tracer.process import Mapping, open_mapped, read_mappings

PROGRAM = Path(sys.executable).resolve()
R, RX, RW = 4, 5, 6


def header(kind: int, flags: int, offset: int, address: int, size: int) -> bytes:
    return struct.pack("<IIQQQQQQ", kind, flags, offset, address, 0, size, size, 4096)


def small_elf() -> bytes:
    """Segments like a linker's, not all of them at equal distance to their place in the file; a build id."""
    headers = [
        header(1, R, 0, 0, 0x1000),
        header(1, RX, 0x1000, 0x1000, 0x1800),
        header(1, R, 0x3000, 0x3000, 0x1100),
        header(1, RW, 0x4100, 0x5100, 0x200),
        header(4, R, 0x400, 0x400, 0x24),
    ]
    start = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    start += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, len(headers), 0, 0, 0)
    data = (start + b"".join(headers)).ljust(0x400, b"\0")
    data += struct.pack("<III", 4, 20, 3) + b"GNU\0" + bytes(range(20))
    return data.ljust(0x4300, b"\0")


def mapping(start: int, offset: int, permissions: str) -> Mapping:
    return Mapping(start, start + 0x1000, offset, permissions, "08:01", 1, "/libx.so")


BASE = 0x7F00_0000_0000


@pytest.mark.parametrize(
    ("offset", "permissions", "file_address"),
    [
        (0, "r--p", 0),
        (0x1000, "r-xp", 0x1000),
        (0x2000, "r-xp", 0x2000),
        (0x3000, "r--p", 0x3000),
        (0x4000, "r--p", 0x5000),
        (0x4000, "rw-p", 0x5000),
    ],
)
def test_the_load_bias(offset: int, permissions: str, file_address: int) -> None:
    place = mapping(BASE + file_address, offset, permissions)
    assert Elf.from_bytes(small_elf()).bias(place) == BASE


def test_a_place_that_is_in_no_segment_has_no_bias() -> None:
    with pytest.raises(FileError, match="no segment"):
        Elf.from_bytes(small_elf()).bias(mapping(BASE, 0x8000, "r-xp"))


def test_the_build_id() -> None:
    assert Elf.from_bytes(small_elf()).build_id == bytes(range(20)).hex()


def test_a_file_without_an_unwind_section() -> None:
    assert Elf.from_bytes(small_elf()).eh_frame() is None


def test_the_files_of_this_process() -> None:
    for place in read_mappings(os.getpid()):
        if place.executable and place.inode:
            fd = open_mapped(os.getpid(), place)
            elf = Elf(fd)
            os.close(fd)
            section = elf.eh_frame()
            assert section is not None
            assert (
                section.data
                == (elf.section(".eh_frame") or b"") + section.data[len(elf.section(".eh_frame") or b"") :]
            )
            assert elf.bias(place) <= place.start
            assert elf.section(".no such section") is None


def test_without_program_headers_the_section_is_found_by_name() -> None:
    """A file that keeps its .eh_frame, but says nowhere where its index is."""
    data = bytearray(PROGRAM.read_bytes())
    whole = Elf.from_bytes(bytes(data))
    table, count = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<H", data, 56)[0]
    for at in range(table, table + 56 * count, 56):
        if struct.unpack_from("<I", data, at)[0] == 0x6474E550:
            struct.pack_into("<I", data, at, 0)
    indexed, found = whole.eh_frame(), Elf.from_bytes(bytes(data)).eh_frame()
    assert indexed is not None
    assert found is not None
    assert found.index == b""
    assert found.address == indexed.address
    assert indexed.data.startswith(found.data)


def everything(data: bytes) -> None:
    """Asks a file for all it has."""
    elf = Elf.from_bytes(data)
    questions: tuple[Callable[[], object], ...] = (
        lambda: elf.build_id,
        elf.eh_frame,
        lambda: elf.bias(mapping(BASE, 0x1000, "r-xp")),
        lambda: elf.section(".text"),
        lambda: elf.section(".debug_info"),
        lambda: elf.read(len(data), 1),
    )
    for question in questions:
        try:
            question()
        except FileError:
            continue


@pytest.mark.parametrize("seed", range(30))
def test_damage_is_a_file_error_or_goes_unnoticed(seed: int) -> None:
    chance = random.Random(seed)
    whole = small_elf() if seed % 2 else PROGRAM.read_bytes()
    places = [chance.randrange(0, 0x400) for _ in range(8)]
    places += [chance.randrange(len(whole) - 0x1000, len(whole)) for _ in range(8)]
    for _ in range(5):
        copy = bytearray(whole)
        for place in chance.sample(places, 4):
            copy[place] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
        try:
            everything(bytes(copy))
        except FileError:
            continue


@pytest.mark.parametrize("size", [0, 3, 4, 63, 64, 100, 0x400, 0x1000, 100_000])
def test_a_file_that_was_cut(size: int) -> None:
    data = PROGRAM.read_bytes()[:size]
    try:
        everything(data)
    except FileError as error:
        assert "ELF" in error.message


@pytest.mark.parametrize(
    "data", [b"#!/bin/sh\n" * 10, b"\x7fELF\x01\x01" + bytes(100), b"\x7fELF\x02\x02" + bytes(100)]
)
def test_what_is_no_such_file(data: bytes) -> None:
    with pytest.raises(FileError, match="not a 64-bit"):
        Elf.from_bytes(data)


def test_a_file_that_shrinks_while_it_is_open(tmp_path: Path) -> None:
    path = tmp_path / "libx.so"
    path.write_bytes(small_elf())
    with path.open("rb") as file:
        elf = Elf(file.fileno())
    path.write_bytes(small_elf()[:0x300])
    with pytest.raises(FileError, match="ends too early"):
        elf.read(0x1000, 0x1000)


def test_a_descriptor_that_is_not_open() -> None:
    with pytest.raises(FileError):
        Elf(1 << 20)
