"""Source files and lines of code addresses."""

import posixpath
from dataclasses import dataclass
from typing import Any

from tracer.elf import Elf, guarded
from tracer.errors import FileError
from tracer.symbols.dwarf import UnitIndex, open_dwarf
from tracer.symbols.line_program import LineMachine, ProgramHeader, Rows
from tracer.symbols.module import Module, section_of
from tracer.symbols.names import clean

MOST_UNITS_KEPT = 64
LARGEST_PROGRAM = 8 << 20
"""Bytes of one unit's line program that are run."""


@dataclass(frozen=True, slots=True)
class SourceLine:
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Unit:
    """One compilation unit: its rows, and its files by their numbers in them."""

    rows: Rows
    files: dict[int, str]


class LineFinder:
    """Reads only the units that the addresses lie in, and keeps the last ones and every answer."""

    def __init__(self) -> None:
        self._debug: dict[Module, DebugLines | None] = {}
        self._found: dict[tuple[Module, int], SourceLine | None] = {}

    def find(self, module: Module, address: int) -> SourceLine | None:
        """The line of the code at the file's own `address`; None without debug information that tells it."""
        key = (module, address)
        if key not in self._found:
            if module not in self._debug:
                self._debug[module] = _debug_lines(module)
            debug = self._debug[module]
            self._found[key] = debug.find(address) if debug is not None else None
        return self._found[key]


class DebugLines:
    """The line tables of one file. Raises FileError where the debug information cannot be read."""

    def __init__(self, elf: Elf) -> None:
        self._dwarf = open_dwarf(elf)
        self._index = UnitIndex(self._dwarf, section_of(elf, ".debug_aranges"))
        self._units: dict[int, Unit | None] = {}

    def find(self, address: int) -> SourceLine | None:
        try:
            offset = self._index.find(address)
        except FileError:
            return None
        unit = self._unit(offset) if offset is not None else None
        found = unit.rows.find(address) if unit is not None else None
        if unit is None or found is None or not found[1] or found[0] not in unit.files:
            return None
        return SourceLine(unit.files[found[0]], found[1])

    def _unit(self, offset: int) -> Unit | None:
        if offset not in self._units:
            if len(self._units) >= MOST_UNITS_KEPT:
                self._units.clear()
            try:
                self._units[offset] = guarded(_read_unit, self._dwarf, offset)
            except (FileError, NotImplementedError):
                self._units[offset] = None
        return self._units[offset]


def _debug_lines(module: Module) -> DebugLines | None:
    """Of the file itself, or else of its separate debug file."""
    for elf in (module.elf, module.debug_file):
        try:
            if elf is not None:
                return DebugLines(elf)
        except FileError:
            continue
    return None


def _read_unit(dwarf: Any, offset: int) -> Unit | None:
    compile_unit = dwarf.get_CU_at(offset)
    program = dwarf.line_program_for_CU(compile_unit)
    if program is None:
        return None
    start, end = program.program_start_offset, program.program_end_offset
    program.stream.seek(start)
    code = program.stream.read(min(end - start, LARGEST_PROGRAM))
    top = compile_unit.get_top_DIE().attributes
    folder = top["DW_AT_comp_dir"].value if "DW_AT_comp_dir" in top else b""
    return Unit(LineMachine(_header(program.header), code).run(), _files(program.header, folder))


def _header(header: Any) -> ProgramHeader:
    return ProgramHeader(
        minimum_length=header["minimum_instruction_length"],
        line_base=header["line_base"],
        line_range=header["line_range"],
        opcode_base=header["opcode_base"],
        operands=tuple(header["standard_opcode_lengths"]),
    )


def _files(header: Any, folder: bytes) -> dict[int, str]:
    """Paths by file number: from 1, or from version 5 on, which lists the unit's own folder too, from 0."""
    first = 0 if header["version"] >= 5 else 1
    folders = list(header["include_directory"])
    if first:
        folders.insert(0, folder)
    return {
        number: _path(folder, folders, entry["dir_index"], entry["name"])
        for number, entry in enumerate(header["file_entry"], first)
    }


def _path(folder: bytes, folders: list[bytes], index: int | None, name: bytes) -> str:
    inside = folders[index] if index is not None and index < len(folders) else b""
    return clean(posixpath.normpath(posixpath.join(folder, inside, name)).decode("utf-8", "replace"))
