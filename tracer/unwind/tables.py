"""The unwind tables of all targets: what the BPF unwinder, and the one here, look frames up in."""

from __future__ import annotations

import gc
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tracer.abi import layout
from tracer.errors import FileError
from tracer.process import Mapping, read_mappings
from tracer.unwind.files import NO_ROWS, File, Files
from tracer.unwind.rules import ROW_NONE

MAPPING = layout("mapping").packing
ADDRESS_LIMIT = 1 << 63  # the vsyscall page is above: no user code that is unwound
U32 = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Code:
    """An executable mapping with the tables of its file. Address - bias = the file's own address."""

    start: int
    end: int
    bias: int
    file: File

    def pack(self) -> bytes:
        """Its struct mapping."""
        file = self.file
        return MAPPING.pack(
            self.start, self.end, self.bias, file.first_pc, file.first_block, file.blocks, file.flags
        )


class Tables:
    """Rows and blocks of every file that a target maps as code, once, and each target's code mappings."""

    def __init__(self) -> None:
        self._files = Files()
        self._code: dict[int, dict[Mapping, Code]] = {}
        self._starts: dict[int, list[int]] = {}
        self._sorted: dict[int, list[Code]] = {}

    @property
    def rows(self) -> array[int]:
        """All rows as u64; they only grow."""
        return self._files.rows

    @property
    def blocks(self) -> bytes:
        """All struct row_block; they only grow."""
        return self._files.blocks.tobytes()

    def extend(self, pid: int) -> bool:
        """Reads the process's mappings anew and adds the files that are not known yet.

        Returns whether its code mappings changed. Raises TargetError when it is gone.
        """
        known = self._code.get(pid, {})
        with collector_off():
            code = {
                mapping: self._keep(pid, mapping, known.get(mapping))
                for mapping in read_mappings(pid)
                if mapping.executable and mapping.start < ADDRESS_LIMIT
            }
        self._files.forget_programs()
        self._code[pid] = code
        self._sorted[pid] = sorted(code.values(), key=lambda one: one.start)
        self._starts[pid] = [one.start for one in self._sorted[pid]]
        return code != known

    def _keep(self, pid: int, mapping: Mapping, known: Code | None) -> Code:
        if known is not None and known.file is not NO_ROWS:
            return known
        file, bias = self._files.load(pid, mapping), 0
        if file.elf is not None:
            try:
                bias = file.elf.bias(mapping)
            except FileError:
                file = NO_ROWS
        return Code(mapping.start, mapping.end, bias, file)

    def mappings(self, pid: int) -> bytes:
        """The process's struct mapping, by start; empty for a process that was never read."""
        return b"".join(code.pack() for code in self._sorted.get(pid, ()))

    def code(self, pid: int, pc: int) -> Code | None:
        """The code mapping that holds a pc."""
        index = bisect_right(self._starts.get(pid, ()), pc) - 1
        if index < 0:
            return None
        code = self._sorted[pid][index]
        return code if pc < code.end else None

    def row(self, code: Code, pc: int) -> int:
        """The low 32 bits of the row for a pc of this mapping; ROW_NONE where there is none."""
        file, rows = code.file, self._files.rows
        key = (pc - code.bias & U32) << 32 | U32
        index = bisect_right(rows, key, file.first_row, file.first_row + file.rows) - 1
        return rows[index] & U32 if index >= file.first_row else ROW_NONE

    def function(self, pid: int, pc: int) -> tuple[int, int] | None:
        """The run-time start and end of the function that holds a pc, as its unwind entry says."""
        code = self.code(pid, pc)
        if code is None:
            return None
        relative, functions = pc - code.bias & (1 << 64) - 1, code.file.functions
        index = bisect_right(functions, relative << 32 | U32) - 1
        if relative > U32 or index < 0:
            return None
        start, size = functions[index] >> 32, functions[index] & U32
        begin = code.bias + start & (1 << 64) - 1
        return (begin, begin + size) if relative < start + size else None


def build(pids: Iterable[int]) -> Tables:
    """The tables of these processes. Raises TargetError when one is gone."""
    tables = Tables()
    for pid in pids:
        tables.extend(pid)
    return tables


@contextmanager
def collector_off() -> Iterator[None]:
    """The garbage collector would walk the growing lists of rows again and again: a sixth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
