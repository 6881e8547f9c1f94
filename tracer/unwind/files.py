"""The files that code is mapped from, each read once, however many processes map it."""

from __future__ import annotations

import os
from array import array
from dataclasses import dataclass, field

from tracer.abi import number
from tracer.elf import Elf
from tracer.errors import FileError, TargetError
from tracer.memory import Memory
from tracer.process import Mapping, open_mapped
from tracer.unwind.blocks import build_blocks, first_pc
from tracer.unwind.frames import read_frames
from tracer.unwind.program import Machines

FRAME_POINTERS = number("MAPPING_FRAME_POINTERS")
VDSO = "[vdso]"
VDSO_LIMIT = 1 << 16  # bytes


@dataclass(frozen=True, slots=True, eq=False)
class File:
    """Where one file's rows and blocks are; `functions` are start << 32 | size. `elf` tells the bias."""

    elf: Elf | None
    flags: int = 0
    first_row: int = 0
    rows: int = 0
    first_pc: int = 0
    first_block: int = 0
    blocks: int = 0
    functions: array[int] = field(default_factory=lambda: array("Q"), repr=False)


NO_ROWS = File(None)
NO_FRAMES = File(None, FRAME_POINTERS)


class Files:
    """The rows and blocks of all files. Both only grow: what has been given out stays where it is."""

    def __init__(self) -> None:
        self.rows = array("Q")
        self.blocks = array("Q")
        self._machines = Machines()
        self._known: dict[tuple[int, ...] | bytes, File] = {}

    def forget_programs(self) -> None:
        """Frees what the files read so far have taught: much memory, of use only to further files."""
        self._machines = Machines()

    def load(self, pid: int, mapping: Mapping) -> File:
        """The tables of what is mapped: NO_FRAMES for generated code, NO_ROWS for what cannot be read."""
        if mapping.path == VDSO:
            return self._load_vdso(pid, mapping)
        if not mapping.inode:
            return NO_FRAMES
        try:
            fd = open_mapped(pid, mapping)
        except OSError:
            return NO_ROWS
        try:
            status = os.fstat(fd)
            key = status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
            if key not in self._known:
                self._known[key] = self._read(fd)
            return self._known[key]
        except OSError:
            return NO_ROWS
        finally:
            os.close(fd)

    def _load_vdso(self, pid: int, mapping: Mapping) -> File:
        try:
            data = Memory(pid).read_some(mapping.start, min(mapping.end - mapping.start, VDSO_LIMIT))
        except TargetError:  # it has just ended
            return NO_ROWS
        if data not in self._known:
            self._known[data] = self._add(data)
        return self._known[data]

    def _read(self, fd: int) -> File:
        if os.pread(fd, 4, 0) != b"\x7fELF":
            return NO_FRAMES
        return self._add(fd)

    def _add(self, source: int | bytes) -> File:
        """Appends the rows and blocks of a file: by its descriptor, or its bytes."""
        try:
            elf = Elf(source) if isinstance(source, int) else Elf.from_bytes(source)
            section = elf.eh_frame()
            elf.close()
            frames = read_frames(section, self._machines) if section else None
        except FileError:
            self.forget_programs()
            return NO_ROWS
        if frames is None:
            return File(elf, FRAME_POINTERS)
        if not frames.rows or not (blocks := build_blocks(frames.rows, len(self.rows))):
            return File(elf)
        file = File(
            elf,
            first_row=len(self.rows),
            rows=len(frames.rows),
            first_pc=first_pc(frames.rows),
            first_block=len(self.blocks),
            blocks=len(blocks),
            functions=frames.functions,
        )
        self.rows.extend(frames.rows)
        self.blocks.extend(blocks)
        return file
