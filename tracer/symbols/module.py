"""One mapped ELF file, and all that it and its debug files name."""

import lzma
import os
from collections.abc import Sequence
from functools import cached_property

from tracer.elf import Elf, guarded
from tracer.errors import FileError
from tracer.process import Mapping
from tracer.symbols.debug_files import DebugLink, open_debug_file, parse_debug_link
from tracer.symbols.exports import Exports
from tracer.symbols.table import CODE, DATA, THREAD_LOCALS, Sections, SymbolSource, SymbolTable

SHF_ALLOC = 2
LARGEST_MINI_DEBUG = 256 << 20
"""Bytes that .gnu_debugdata may unpack to."""

MOST_BIASES_KEPT = 1024


class Module:
    """`path` is the mapped file's in the target's mount namespace; `roots` are the folders below which its
    debug files are looked for. `source` is a descriptor, taken over, or the image itself; nothing of it is
    read before it is asked for."""

    def __init__(self, source: int | bytes, path: str, roots: Sequence[str]) -> None:
        self._source = source
        self.path = path
        self._roots = tuple(roots)
        self._biases: dict[Mapping, int | None] = {}

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2] or self.path

    @cached_property
    def elf(self) -> Elf | None:
        """None where the file is no ELF file that can be read."""
        try:
            return Elf.from_bytes(self._source) if isinstance(self._source, bytes) else Elf(self._source)
        except FileError:
            return None
        finally:
            if isinstance(self._source, int):
                os.close(self._source)

    def bias(self, mapping: Mapping) -> int | None:
        """Run-time address minus the file's own address; None where the file cannot tell."""
        if mapping not in self._biases:
            if len(self._biases) >= MOST_BIASES_KEPT:
                self._biases.clear()
            self._biases[mapping] = self._bias(mapping)
        return self._biases[mapping]

    def _bias(self, mapping: Mapping) -> int | None:
        try:
            return self.elf.bias(mapping) if self.elf is not None else None
        except FileError:
            return None

    def read(self, address: int, size: int) -> bytes:
        """At most `size` bytes of the file from its own `address` on; less where its segment ends."""
        for segment in self.elf.segments if self.elf is not None else ():
            skipped = address - segment.address
            if self.elf is not None and 0 <= skipped < segment.size:
                try:
                    return self.elf.read(segment.offset + skipped, min(size, segment.size - skipped))
                except FileError:
                    return b""
        return b""

    @cached_property
    def build_id(self) -> str | None:
        try:
            return self.elf.build_id if self.elf is not None else None
        except FileError:
            return None

    @cached_property
    def debug_file(self) -> Elf | None:
        """The separate debug file."""
        if self.elf is None:
            return None
        return open_debug_file(self.path, self.build_id, self._debug_link(), self._roots)

    def _debug_link(self) -> DebugLink | None:
        section = section_of(self.elf, ".gnu_debuglink")
        return parse_debug_link(section) if section else None

    @cached_property
    def functions(self) -> SymbolTable:
        return self._table(CODE)

    @cached_property
    def variables(self) -> SymbolTable:
        return self._table(DATA)

    @cached_property
    def thread_locals(self) -> SymbolTable:
        return self._table(THREAD_LOCALS)

    @cached_property
    def exports(self) -> Exports:
        """The dynamic symbols by name."""
        return Exports(
            section_of(self.elf, ".dynsym"),
            section_of(self.elf, ".dynstr"),
            section_of(self.elf, ".gnu.version"),
        )

    def _table(self, types: frozenset[int]) -> SymbolTable:
        return SymbolTable(self._sources, types, self._sections)

    @cached_property
    def _sources(self) -> tuple[SymbolSource, ...]:
        full = source_of(self.elf, ".symtab", ".strtab") or source_of(self.debug_file, ".symtab", ".strtab")
        found = [source_of(self.elf, ".dynsym", ".dynstr"), full or self._mini_debug()]
        return tuple(source for source in found if source is not None)

    def _mini_debug(self) -> SymbolSource | None:
        """The symbols of .gnu_debugdata: an xz-compressed ELF file with the functions .dynsym lacks."""
        packed = section_of(self.elf, ".gnu_debugdata")
        if not packed:
            return None
        try:
            data = lzma.LZMADecompressor().decompress(packed, LARGEST_MINI_DEBUG)
            return source_of(Elf.from_bytes(data), ".symtab", ".strtab")
        except (lzma.LZMAError, FileError):
            return None

    @cached_property
    def _sections(self) -> Sections:
        return Sections(_section_ranges(self.elf) if self.elf is not None else ())


def _section_ranges(elf: Elf) -> list[tuple[int, int]]:
    """The addresses of the sections that are loaded."""
    try:
        headers = guarded(lambda: [section.header for section in elf.file.iter_sections()])
    except FileError:
        return []
    return [(h["sh_addr"], h["sh_addr"] + h["sh_size"]) for h in headers if h["sh_flags"] & SHF_ALLOC]


def section_of(elf: Elf | None, name: str) -> bytes:
    """The section's bytes; empty when there is no such section or no file."""
    try:
        return (elf.section(name) if elf is not None else None) or b""
    except FileError:
        return b""


def source_of(elf: Elf | None, entries: str, strings: str) -> SymbolSource | None:
    """The symbols of a table that lies in the named sections."""
    data = section_of(elf, entries)
    return SymbolSource(data, section_of(elf, strings), whole=entries == ".symtab") if data else None
