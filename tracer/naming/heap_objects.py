"""C++ objects on the heap: whose class has virtual functions, so that the first word tells it.

That word leads to run-time type information, with the class's name, which a stripped file keeps too. What
begins with an object need not be one: it may be a structure whose first member is. So the class's size,
as debug information or the code that deletes its objects has it, must be that of glibc's chunk.
"""

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tracer.naming.reading import Reader, words
from tracer.symbols.names import readable

REACH = 4096
"""Bytes from an object's start to its lock, at most."""

LOCK_SIZE = 4
"""Bytes of a lock that must lie within the object."""

ALIGNMENT, HEADER, SMALLEST_CHUNK = 16, 16, 32
IN_USE, MAPPED, FLAGS = 1, 2, 7
"""glibc's malloc: the word before an object is its chunk's size and flags; the next chunk's tells whether
this one is in use."""

VIRTUAL_TABLE = ("__class_type_info", "__si_class_type_info", "__vmi_class_type_info")
TYPE_INFOS = tuple(f"vtable for __cxxabiv1::{name}" for name in VIRTUAL_TABLE)
FIRST_FUNCTION = 16
"""Where in a virtual table its functions begin, and objects point: behind the distance to the whole object's
start, and the type information."""

LONGEST_NAME = 2048
FUNCTIONS = 8
CODE_READ = 512
DELETES = re.compile(rb"\xbe(....)", re.DOTALL)
"""mov $size, %esi: before operator delete(void*, unsigned long)."""

SHARED = "std::_Sp_counted_ptr_inplace<"
SHARED_HEADER = 16
"""std::make_shared puts an object behind the counts of its references."""

Symbol = Callable[[int], tuple[str, int, str] | None]
"""What `Symbolizer.data_symbol` tells of an address."""


@dataclass(frozen=True, slots=True)
class HeapObject:
    """An object that begins its chunk. `offset` is that of the lock; `before` are the bytes of the chunk that
    lie before the object; `table` is where its virtual table's functions begin."""

    class_name: str
    offset: int
    before: int
    chunk: int
    table: int

    def fits(self, size: int) -> bool:
        """An object of that size is all that the chunk was allocated for, and holds the lock."""
        wanted = max(size + self.before + HEADER // 2 + ALIGNMENT - 1 & -ALIGNMENT, SMALLEST_CHUNK)
        return self.offset + LOCK_SIZE <= size and wanted == self.chunk


class HeapObjects:
    """Those of one process, as of each call."""

    def __init__(self, memory: Reader, symbol: Symbol) -> None:
        self._memory = memory
        self._symbol = symbol

    def around(self, lock: int) -> HeapObject | None:
        """The object that begins the chunk in which `lock` lies."""
        for start, chunk, table in self._chunks(lock):
            name = self._class_name(table)
            following = self._memory.u64(start - HEADER // 2 + chunk) if name else None
            if name is not None and following is not None and following & IN_USE:
                return _of_shared(HeapObject(name, lock - start, 0, chunk, table))
        return None

    def deletes_as_whole(self, found: HeapObject) -> bool:
        """Code of the class deletes objects of just the chunk's size."""
        functions = words(self._memory.read_some(found.table, 8 * FUNCTIONS))
        codes = (self._memory.read_some(function, CODE_READ) for function in functions)
        sizes = (
            size for code in codes for (size,) in struct.iter_unpack("<I", b"".join(DELETES.findall(code)))
        )
        return any(found.fits(size - found.before) for size in sizes)

    def _chunks(self, lock: int) -> Iterator[tuple[int, int, int]]:
        """Start of the user's memory, size and first word of whatever looks like a chunk that covers `lock`;
        the nearest first."""
        last = lock & -ALIGNMENT
        for first in (last - REACH, last & -4096):
            data = self._memory.read(first - 8, last - first + 16) if first >= 8 else None
            if data is not None:
                below = words(data)
                for index in range(len(below) - 2, -1, -2):
                    start, header = first + 8 * index, below[index]
                    size = header & ~FLAGS
                    whole = size % ALIGNMENT == 0 and size >= SMALLEST_CHUNK and not header & MAPPED
                    if whole and start + size - HEADER // 2 >= lock + LOCK_SIZE:
                        yield start, size, below[index + 1]
                return

    def _class_name(self, table: int) -> str | None:
        """Of the class whose virtual table has its first function at `table`."""
        head = words(self._memory.read(table - FIRST_FUNCTION, 16) or b"") if table > FIRST_FUNCTION else ()
        if not head or head[0]:
            return None
        info = words(self._memory.read(head[1], 16) or b"")
        kind = self._symbol(info[0]) if info else None
        if kind is None or kind[0] not in TYPE_INFOS or kind[1] != FIRST_FUNCTION:
            return None
        mangled = self._memory.c_string(info[1], LONGEST_NAME)
        return _class_of(mangled.removeprefix("*")) if mangled else None


def _class_of(mangled: str) -> str | None:
    """`shop::Store` of `N4shop5StoreE`; None of what is no name of a type."""
    name = readable(b"_ZTI" + mangled.encode())
    return name.removeprefix("typeinfo for ") if name.startswith("typeinfo for ") else None


def _of_shared(found: HeapObject) -> HeapObject | None:
    """The object that std::make_shared has made, where it is one."""
    if not found.class_name.startswith(SHARED):
        return found
    name = first_argument(found.class_name)
    inner = found.offset - SHARED_HEADER
    return HeapObject(name, inner, SHARED_HEADER, found.chunk, found.table) if name and inner >= 0 else None


def first_argument(template: str) -> str:
    """`a::B<int, char>` of `x::Y<a::B<int, char>, int>`; empty where the brackets do not match."""
    start, depth = template.find("<") + 1, 0
    for at in range(start, len(template)):
        depth += (template[at] in "<(") - (template[at] in ">)")
        if depth < 0 or (depth == 0 and template[at] == ","):
            return template[start:at]
    return ""


def last_name(class_name: str) -> str:
    """`Store<a::B>` of `shop::Store<a::B>`: as debug information has it."""
    depth, start = 0, 0
    for at, character in enumerate(class_name):
        depth += (character in "<(") - (character in ">)")
        if depth == 0 and class_name.startswith("::", at):
            start = at + 2
    return class_name[start:]
