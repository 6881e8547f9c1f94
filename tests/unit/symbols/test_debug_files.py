"""Separate debug files are found by build id and by link, and only the right one is taken."""

import os
import shutil
import struct
import sys
import zlib
from pathlib import Path

import pytest

from tracer.elf import Elf
from tracer.symbols.debug_files import DebugLink, open_debug_file, parse_debug_link

PROGRAM = Path(sys.executable).resolve()


def build_id(path: Path) -> str:
    fd = os.open(path, os.O_RDONLY)
    try:
        found = Elf(fd).build_id
    finally:
        os.close(fd)
    assert found is not None
    return found


def test_a_link_is_a_name_and_a_checksum() -> None:
    assert parse_debug_link(b"libx.debug\0\0" + struct.pack("<I", 0x1234)) == DebugLink("libx.debug", 0x1234)
    assert parse_debug_link(b"abc\0" + struct.pack("<I", 7)) == DebugLink("abc", 7)


@pytest.mark.parametrize("section", [b"", b"\0\0\0\0\1\2\3\4", b"abc", b"abc\0\1\2", b"../up\0\0\0\1\2\3\4"])
def test_damaged_links_and_links_that_lead_elsewhere_are_none(section: bytes) -> None:
    assert parse_debug_link(section) is None


def test_by_build_id_below_each_root(tmp_path: Path) -> None:
    own = build_id(PROGRAM)
    folder = tmp_path / "usr/lib/debug/.build-id" / own[:2]
    folder.mkdir(parents=True)
    shutil.copy(PROGRAM, folder / f"{own[2:]}.debug")
    found = open_debug_file("/any/where", own, None, (str(tmp_path / "empty"), str(tmp_path)))
    assert found is not None and found.build_id == own


def test_a_file_with_another_build_id_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "usr/lib/debug/.build-id/ab"
    folder.mkdir(parents=True)
    shutil.copy(PROGRAM, folder / "cdef.debug")
    assert open_debug_file("/any/where", "abcdef", None, (str(tmp_path),)) is None


@pytest.mark.parametrize("place", ["opt", "opt/.debug", "usr/lib/debug/opt"])
def test_by_link_beside_the_file_and_in_the_debug_folders(tmp_path: Path, place: str) -> None:
    (tmp_path / place).mkdir(parents=True)
    copied = Path(shutil.copy(PROGRAM, tmp_path / place / "prog.debug"))
    right = DebugLink("prog.debug", zlib.crc32(copied.read_bytes()))
    assert open_debug_file("/opt/prog", None, right, (str(tmp_path),)) is not None
    assert open_debug_file("/opt/prog", None, DebugLink("prog.debug", 1), (str(tmp_path),)) is None
    assert open_debug_file("/opt/prog", "abcd", right, (str(tmp_path),)) is None


def test_no_elf_file_is_no_debug_file(tmp_path: Path) -> None:
    (tmp_path / "prog.debug").write_text("not one")
    os.mkfifo(tmp_path / "pipe.debug")
    for name in ("prog.debug", "pipe.debug", "missing"):
        assert open_debug_file("/prog", None, DebugLink(name, 0), (str(tmp_path),)) is None
