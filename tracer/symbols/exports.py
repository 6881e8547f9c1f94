"""The dynamic symbols of a file, by name."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

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
        """The symbol of that name in its default version."""
        if not self.has_string(name.encode() + b"\0"):
            return None
        return self._by_name.get(name)

    def has_string(self, text: bytes) -> bool:
        """`text` occurs among the names of symbols, libraries and versions."""
        return text in self._strings

    @cached_property
    def _by_name(self) -> dict[str, Export]:
        found: dict[str, Export] = {}
        for export in self:
            if export.is_default or export.name not in found:
                found[export.name] = export
        return found

    def __iter__(self) -> Iterator[Export]:
        """All of them, in every version."""
        for index, (name, info, _, section, value, size) in enumerate(SYMBOL.iter_unpack(self._entries)):
            if section != UNDEFINED and section < FIRST_RESERVED:
                code = info & 15 in CODE
                yield Export(self._name(name), value, size, code, self._is_default(index))

    def _name(self, offset: int) -> str:
        end = self._strings.find(b"\0", offset)
        return self._strings[offset : end if end >= 0 else len(self._strings)].decode("utf-8", "replace")

    def _is_default(self, index: int) -> bool:
        if len(self._versions) < 2 * index + 2:
            return True
        return not struct.unpack_from("<H", self._versions, 2 * index)[0] & HIDDEN_VERSION
