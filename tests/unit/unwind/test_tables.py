"""The tables of this very process."""

import ctypes
import mmap
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tracer.abi import layout, number
from tracer.errors import TargetError
from tracer.process import read_mappings
from tracer.unwind import Code, Tables, build
from tracer.unwind.rules import ROW_NONE

OWN = os.getpid()
FRAME_POINTERS = number("MAPPING_FRAME_POINTERS")
MAPPING = layout("mapping").packing


@pytest.fixture(scope="module")
def tables() -> Tables:
    return build([OWN])


def code_at(tables: Tables, address: int) -> Code:
    found = tables.code(OWN, address)
    assert found is not None
    return found


def function_address(function: "ctypes._FuncPointer") -> int:
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return address


def a_library(folder: Path) -> Path:
    """A copy of a library that nobody else has mapped."""
    import _ctypes

    return Path(shutil.copy(_ctypes.__file__, folder / "libcopied.so"))


def test_struct_mapping(tables: Tables) -> None:
    packed = [MAPPING.unpack_from(tables.mappings(OWN), at) for at in range(0, len(tables.mappings(OWN)), 40)]
    code = [one for one in read_mappings(OWN) if one.executable and one.start < 1 << 63]
    assert [(start, end) for start, end, *_ in packed] == [(one.start, one.end) for one in code]
    for _, _, _, first_pc, first_block, count, _ in packed:
        assert first_pc % 256 == 0
        assert first_block + count <= len(tables.blocks) // 8


def test_as_the_bpf_unwinder_finds_a_row(tables: Tables) -> None:
    """By block, and by the whole file's rows, at each function's start and in its midst."""
    blocks = list(struct.iter_unpack("<II", tables.blocks))
    address = function_address(ctypes.CDLL(None).pthread_mutex_lock)
    for pc in range(address, address + 200):
        code = code_at(tables, pc)
        first, count = blocks[code.file.first_block + (pc - code.bias - code.file.first_pc) // 256]
        rows = [row for row in tables.rows[first : first + count] if row >> 32 <= pc - code.bias]
        assert rows[-1] & 0xFFFFFFFF == tables.row(code, pc) != ROW_NONE


def test_functions(tables: Tables) -> None:
    address = function_address(ctypes.CDLL(None).pthread_mutex_lock)
    found = tables.function(OWN, address + 5)
    assert found is not None
    assert found[0] == address
    assert found[1] > address + 5
    assert tables.function(OWN, found[1] - 1) == found
    assert tables.function(OWN, 0) is None
    assert tables.function(1, address) is None


def test_the_vdso(tables: Tables) -> None:
    vdso = next(one for one in read_mappings(OWN) if one.path == "[vdso]")
    code = code_at(tables, vdso.start)
    assert code.bias == vdso.start
    assert code.file.rows > 10


def test_generated_code_is_walked_by_frame_pointers() -> None:
    with mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) as area:
        start = ctypes.addressof(ctypes.c_char.from_buffer(area))
        code = code_at(build([OWN]), start)
    assert code.file.flags == FRAME_POINTERS
    assert code.file.rows == 0


def test_a_mapped_file_that_is_no_elf_file(tmp_path: Path) -> None:
    path = tmp_path / "generated"
    path.write_bytes(b"\xc3" * 4096)
    with path.open("rb") as file:
        area = mmap.mmap(file.fileno(), 4096, flags=mmap.MAP_PRIVATE, prot=7)
    with area:
        start = ctypes.addressof(ctypes.c_char.from_buffer(area))
        assert code_at(build([OWN]), start).file.flags == FRAME_POINTERS


def test_a_damaged_library_has_no_rows_and_no_frame_pointers(tmp_path: Path) -> None:
    path = tmp_path / "libdamaged.so"
    path.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(4089))
    with path.open("rb") as file:
        area = mmap.mmap(file.fileno(), 4096, flags=mmap.MAP_PRIVATE, prot=7)
    with area:
        code = code_at(tables := build([OWN]), ctypes.addressof(ctypes.c_char.from_buffer(area)))
        assert (code.file.flags, tables.row(code, code.start)) == (0, ROW_NONE)


def test_a_library_loaded_later_is_added_and_what_was_there_stays(tmp_path: Path) -> None:
    tables = build([OWN])
    rows, blocks = tables.rows[:], tables.blocks
    assert not tables.extend(OWN)
    library = a_library(tmp_path)
    loaded = ctypes.CDLL(str(library))
    assert tables.extend(OWN)
    assert tables.rows[: len(rows)] == rows
    assert tables.blocks.startswith(blocks)
    found = tables.function(OWN, function_address(loaded.PyInit__ctypes))
    assert found is not None
    assert found[0] == function_address(loaded.PyInit__ctypes)


def test_a_library_that_was_replaced_keeps_its_own_rows(tmp_path: Path) -> None:
    """As a package upgrade does: the mapped file is gone, another has its name."""
    library = a_library(tmp_path)
    loaded = ctypes.CDLL(str(library))
    library.unlink()
    library.write_bytes(b"\x7fELF" + bytes(100))
    tables = build([OWN])
    assert tables.function(OWN, function_address(loaded.PyInit__ctypes)) is not None


@contextmanager
def started() -> Iterator[int]:
    """The pid of a cat that has all its libraries: it has answered."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as cat:
        assert cat.stdin is not None
        assert cat.stdout is not None
        cat.stdin.write("there?\n")
        cat.stdin.flush()
        assert cat.stdout.readline() == "there?\n"
        yield cat.pid


def test_two_processes_share_the_tables_of_a_file() -> None:
    with started() as one, started() as other:
        alone, both = build([one]), build([one, other])
    assert both.rows == alone.rows
    assert both.blocks == alone.blocks
    assert both.mappings(other) not in (b"", both.mappings(one))


def test_a_process_that_is_gone() -> None:
    with pytest.raises(TargetError):
        build([1 << 22])
    assert build([]).mappings(OWN) == b""
