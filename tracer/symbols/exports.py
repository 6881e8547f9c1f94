"""The dynamic symbols of a file, by name."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from tracer.symbols.table import CODE, FIRST_RESERVED, SYMBOL, UNDEFINED

HIDDEN_VERSION = 0x8000
"""Bit of a .gnu.version entry: kept for old programs, not what a new one links to."""


@dataclass(frozen=True, slots=True)
class Export:
    """A defined dynamic symbol. `address` is the file's own."""

    name: str
    address: int
    size: int
    is_code: bool
    is_default: bool


class Exports:
    """Look-up by name; the table is searched, not parsed, unless it is iterated over."""

    def __init__(self, entries: bytes, strings: bytes, versions: bytes) -> None:
        self._entries = entries[: len(entries) // SYMBOL.size * SYMBOL.size]
        self._strings = strings
        self._versions = versions

    def find(self, name: str) -> Export | None:
        """The symbol of that name, in its default version if there is one."""
        found = list(self._named(name.encode() + b"\0"))
        return next((export for export in found if export.is_default), found[0] if found else None)

    def _named(self, text: bytes) -> Iterator[Export]:
        """A name may be the end of another one's text, and its text the end of several."""
        at = self._strings.find(text)
        while at >= 0:
            for index in self._indexes(at):
                export = self._export(index)
                if export is not None:
                    yield export
            at = self._strings.find(text, at + 1)

    def _indexes(self, name: int) -> Iterator[int]:
        """Entries whose name is the text at that offset: each begins with the offset."""
        wanted = struct.pack("<I", name)
        at = self._entries.find(wanted)
        while at >= 0:
            if at % SYMBOL.size == 0:
                yield at // SYMBOL.size
            at = self._entries.find(wanted, at + 1)

    def has_string(self, text: bytes) -> bool:
        """`text` occurs among the names of symbols, libraries and versions."""
        return text in self._strings

    def __iter__(self) -> Iterator[Export]:
        """All of them, in every version."""
        for index in range(len(self._entries) // SYMBOL.size):
            export = self._export(index)
            if export is not None:
                yield export

    def _export(self, index: int) -> Export | None:
        name, info, _, section, value, size = SYMBOL.unpack_from(self._entries, index * SYMBOL.size)
        if section == UNDEFINED or section >= FIRST_RESERVED:
            return None
        return Export(self._name(name), value, size, info & 15 in CODE, self._is_default(index))

    def _name(self, offset: int) -> str:
        end = self._strings.find(b"\0", offset)
        return self._strings[offset : end if end >= 0 else len(self._strings)].decode("utf-8", "replace")

    def _is_default(self, index: int) -> bool:
        if len(self._versions) < 2 * index + 2:
            return True
        return not struct.unpack_from("<H", self._versions, 2 * index)[0] & HIDDEN_VERSION
