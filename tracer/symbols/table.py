"""Symbols of one ELF file, sorted for look-up by address."""

import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate

SYMBOL = struct.Struct("<IBBHQQ")
"""Elf64_Sym: name, info, other, section index, value, size."""

NOTYPE, OBJECT, FUNCTION, COMMON, THREAD_LOCAL, INDIRECT_FUNCTION = 0, 1, 2, 5, 6, 10
CODE = frozenset({NOTYPE, FUNCTION, INDIRECT_FUNCTION})
DATA = frozenset({NOTYPE, OBJECT, COMMON})
THREAD_LOCALS = frozenset({THREAD_LOCAL})
"""Their addresses are offsets in the file's template."""

UNDEFINED = 0
FIRST_RESERVED = 0xFF00
GLOBAL, WEAK = 1, 2

MASK = (1 << 64) - 1
MOST_SYMBOLS = 4_000_000
MOST_NESTED = 64
"""Symbols around an address that are tried: more lie inside each other only in a damaged file."""


@dataclass(frozen=True, slots=True)
class SymbolSource:
    """One symbol table as it lies in a file: Elf64_Sym entries and the strings that they name.

    `whole`: it names every function, so that a symbol without a size reaches to the next one.
    """

    entries: bytes
    strings: bytes
    whole: bool

    def symbols(self) -> Iterator[tuple[int, int, int, int, int, int]]:
        count = min(len(self.entries) // SYMBOL.size, MOST_SYMBOLS)
        return SYMBOL.iter_unpack(self.entries[: count * SYMBOL.size])

    def name(self, offset: int) -> bytes:
        """The name's bytes without the closing NUL; empty when the offset lies outside."""
        end = self.strings.find(b"\0", offset)
        return self.strings[offset : end if end >= 0 else len(self.strings)]


@dataclass(frozen=True, slots=True)
class Symbol:
    """`address` is the file's own; `size` 0 where the file tells none."""

    name: bytes
    address: int
    size: int


class SymbolTable:
    """Look-up by address. Where symbols share one, a sized beats an unsized, a function a label, a global a
    local one, and of several names the one with fewer leading underscores is taken, and no inner alias of
    glibc's (__GI_)."""

    def __init__(self, sources: Iterable[SymbolSource], types: frozenset[int], sections: "Sections") -> None:
        self._sources = tuple(sources)
        self._sections = sections
        best = _best_by_address(self._sources, types)
        self._starts = array("Q", sorted(best))
        packed = [best[start] for start in self._starts]
        self._ends = array(
            "Q", (start + (one >> 40 & MASK) for start, one in zip(self._starts, packed, strict=True))
        )
        self._reach = array("Q", accumulate(self._ends, max))
        self._names = array("Q", (one & (1 << 40) - 1 for one in packed))
        self._whole = any(source.whole for source in self._sources)

    def __len__(self) -> int:
        return len(self._starts)

    def find(self, address: int) -> Symbol | None:
        """The symbol that covers the file's own `address`."""
        last = bisect_right(self._starts, address) - 1
        for index in range(last, max(last - MOST_NESTED, -1), -1):
            if self._ends[index] > address:
                return self._symbol(index)
            if self._reach[index] <= address:
                break
        return self._unsized(last, address)

    def named(self, name: bytes) -> Symbol | None:
        """The first symbol of that name."""
        symbols = (self._symbol(index) for index in range(len(self._starts)))
        return next((symbol for symbol in symbols if symbol.name == name), None)

    def has_string(self, text: bytes) -> bool:
        """`text` occurs among the names."""
        return any(text in source.strings for source in self._sources)

    def _unsized(self, index: int, address: int) -> Symbol | None:
        """A symbol without a size reaches to the next one, but not out of its section."""
        if index < 0 or not self._whole or self._ends[index] != self._starts[index]:
            return None
        if not self._sections.together(self._starts[index], address):
            return None
        return self._symbol(index)

    def _symbol(self, index: int) -> Symbol:
        source, offset = divmod(self._names[index], 1 << 32)
        start = self._starts[index]
        return Symbol(self._sources[source].name(offset), start, self._ends[index] - start)


def _best_by_address(sources: tuple[SymbolSource, ...], types: frozenset[int]) -> dict[int, int]:
    """Of each address the preferred symbol: rank << 104 | size << 40 | source << 32 | name offset.

    One number for each keeps a file with a million symbols within memory.
    """
    best: dict[int, int] = {}
    for number, source in enumerate(sources):
        strings = source.strings
        for name, info, _, section, value, size in source.symbols():
            kind = info & 15
            if kind not in types or section == UNDEFINED or section >= FIRST_RESERVED or not name:
                continue
            if value + size > MASK:
                continue
            start = strings[name : name + 5]
            rank = (
                (size > 0) << 6
                | (kind != NOTYPE) << 5
                | (info >> 4 in (GLOBAL, WEAK)) << 4
                | (start[:1] != b"_") << 3
                | (start[:2] != b"__") << 2
                | (start != b"__GI_") << 1
                | (info >> 4 == GLOBAL)
            )
            packed = rank << 104 | size << 40 | number << 32 | name
            if packed > best.get(value, 0):
                best[value] = packed
    return best


class Sections:
    """The address ranges of a file's sections."""

    def __init__(self, ranges: Iterable[tuple[int, int]]) -> None:
        self._ranges = sorted(ranges)

    def together(self, first: int, second: int) -> bool:
        """Both addresses lie in one section."""
        index = bisect_right(self._ranges, (first, 1 << 64)) - 1
        return index >= 0 and first <= second < self._ranges[index][1]
