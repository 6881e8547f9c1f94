"""The row builder against readelf, on all functions of this machine's own libraries."""

import ctypes.util
import os
import re
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tracer.elf import Elf
from tracer.unwind.frames import read_frames
from tracer.unwind.program import Machines
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
    ReturnAddress,
    Rules,
)

LIBRARIES = ("c", "stdc++", "crypto", "glib-2.0")
EXPRESSION_ROWS = {ROW_PLT, ROW_SIGNAL, ROW_DRAP, ROW_BAD}
SHARED = re.compile(r"^([0-9a-f]+) [0-9a-f]+ 0+ CIE ")
FUNCTION = re.compile(r"^[0-9a-f]+ [0-9a-f]+ [0-9a-f]+ FDE cie=([0-9a-f]+) pc=([0-9a-f]+)\.\.([0-9a-f]+)")


@dataclass(frozen=True)
class Line:
    """What readelf says from one pc to another: the CFA's, rbp's and the return address's rule."""

    begin: int
    end: int
    cfa: str
    rbp: str
    return_address: str


def library(name: str) -> Path:
    """The file that the dynamic linker takes for a library."""
    soname = ctypes.util.find_library(name)
    assert soname is not None, f"lib{name} is not installed"
    ctypes.CDLL(soname)
    maps = Path("/proc/self/maps").read_text()
    found = re.search(rf"(/\S*/{re.escape(soname)}\S*)\n", maps)
    assert found is not None
    return Path(found[1])


def linker() -> Path:
    found = re.search(r"(/\S*/ld-linux\S*)\n", Path("/proc/self/maps").read_text())
    assert found is not None
    return Path(found[1])


def files() -> list[Path]:
    return [library(name) for name in LIBRARIES] + [linker(), Path(sys.executable).resolve()]


def readelf_lines(path: Path) -> Iterator[Line]:
    command = ["readelf", "--wide", "--debug-dump=frames-interp", str(path)]
    text = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    _, _, section = text.partition("Contents of the .eh_frame section")
    shared: dict[int, list[str]] = {}
    for block in section.split("\n\n"):
        lines = block.strip().splitlines()
        if lines and (cie := SHARED.match(lines[0])):
            shared[int(cie[1], 16)] = lines[1:]
        elif lines and (function := FUNCTION.match(lines[0])):
            cie_at, begin, end = (int(group, 16) for group in function.groups())
            yield from function_lines(begin, end, lines[1:], shared[cie_at])


def function_lines(begin: int, end: int, table: list[str], shared: list[str]) -> Iterator[Line]:
    """A function without a table has its CIE's rules throughout."""
    columns, *rows = [re.sub(r" \(\w+\)", "", line).split() for line in table or shared]
    starts = [int(row[0], 16) for row in rows] if table else [begin]
    for start, until, row in zip(starts, [*starts[1:], end], rows, strict=True):
        rule = dict(zip(columns, row, strict=True))
        yield Line(start, until, rule["CFA"], rule.get("rbp", "u"), rule["ra"])


def expected(line: Line) -> set[int]:
    """The rows that may stand for what readelf says: the row's type alone where that is an expression."""
    if line.return_address == "u":
        return {ROW_END}
    if line.return_address != "c-8":
        return {ROW_SIGNAL, ROW_BAD}
    if line.cfa == "exp":
        return EXPRESSION_ROWS
    base, offset = re.fullmatch(r"([a-z0-9]+)([+-]\d+)", line.cfa, re.ASCII).groups()  # type: ignore[union-attr]
    kind = {"rsp": ROW_RSP, "rbp": ROW_RBP}.get(base, ROW_BAD)
    if line.rbp == "exp":
        return {Rules(kind, int(offset), SAVED_AT_RBP, ReturnAddress.BELOW_CFA).encode(), ROW_BAD}
    if line.rbp.startswith("r"):
        return {ROW_BAD}
    slot = int(line.rbp[1:]) if line.rbp.startswith("c") else 0
    return {Rules(kind, int(offset), slot, ReturnAddress.BELOW_CFA).encode()}


def agrees(row: int, line: Line) -> bool:
    allowed = expected(line)
    return row in allowed or (allowed == EXPRESSION_ROWS and row & 255 in allowed)


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_every_row_is_what_readelf_says(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    section = Elf(fd).eh_frame()
    os.close(fd)
    assert section is not None
    rows = read_frames(section, Machines()).rows
    lines = list(readelf_lines(path))
    wrong = []
    for line in lines:
        for pc in {line.begin, (line.begin + line.end) // 2, line.end - 1}:
            index = bisect_right(rows, pc << 32 | 0xFFFFFFFF) - 1
            row = rows[index] & 0xFFFFFFFF if index >= 0 else ROW_NONE
            if line.begin < line.end and not agrees(row, line):
                wrong.append(f"{pc:#x}: {row:#x}, {line}")
    assert len(lines) > 500
    assert not wrong, f"{len(wrong)} wrong, the first: {wrong[:5]}"
    bad = sum(row & 255 == ROW_BAD for row in rows)
    assert bad <= len(rows) // 100, f"{bad} of {len(rows)} rows hold nothing"
