"""The member of a variable, or of a class, that a lock is, by debug information: `.lock`, `[3].lock`.

A variable is found by its address in .debug_info, a class by its name, so that nothing is parsed but its
own entry and its types.
"""

import re
import struct
from collections.abc import Callable, Iterator
from typing import Any

from elftools.dwarf.die import DIE

from tracer.elf import DAMAGE as ELF_DAMAGE
from tracer.elf import Elf
from tracer.symbols.module import Module, section_of
from tracer.symbols.names import clean

LOCK_TYPES = re.compile(
    r"pthread_(mutex|cond|rwlock|spinlock|barrier|once)_t|sem_t|mtx_t|cnd_t|once_flag"
    r"|G(Mutex|Cond|RWLock|RecMutex|Once)"
    r"|(recursive_|timed_|recursive_timed_|shared_|shared_timed_)?mutex|condition_variable(_any)?"
)
SCALARS = ("DW_TAG_base_type", "DW_TAG_enumeration_type", "DW_TAG_pointer_type")
QUALIFIERS = (
    "DW_TAG_typedef",
    "DW_TAG_const_type",
    "DW_TAG_volatile_type",
    "DW_TAG_atomic_type",
    "DW_TAG_restrict_type",
)
AGGREGATES = ("DW_TAG_structure_type", "DW_TAG_class_type", "DW_TAG_union_type")

DAMAGE = (*ELF_DAMAGE, NotImplementedError)
"""What pyelftools raises for what is wrong, and for forms that it cannot follow."""

LARGEST_DEBUG_INFO = 1 << 24
MOST_PLACES = 64
LONGEST_NUMBER = 4
"""Bytes of an abbreviation's number."""
LONGEST_ENTRY = 96
"""Bytes of a variable's entry before its location."""

DEEPEST = 24
MOST_ENTRIES = 4096


class MemberFinder:
    """Keeps a file's debug information once it was read."""

    def __init__(self) -> None:
        self._debug_info: dict[str, _DebugInfo | None] = {}

    def path(self, module: Module, variable: int, offset: int) -> str | None:
        """What leads from the variable at the file's own address to the lock in it: "" where it is the lock
        itself; None where no debug information tells."""
        found = self._of(module)
        try:
            return clean(path) if found and (path := found.path(variable, offset)) is not None else None
        except DAMAGE:
            return None

    def class_paths(
        self, module: Module, name: str, offset: int, fits: Callable[[int], bool]
    ) -> set[str | None]:
        """What leads to the lock at `offset`, in each class of that name whose size fits. None stands for one
        that has no lock there."""
        found = self._of(module)
        try:
            paths = set(found.class_paths(name.encode(), offset, fits)) if found else set()
        except DAMAGE:
            return set()
        return {clean(path) if path is not None else None for path in paths}

    def _of(self, module: Module) -> "_DebugInfo | None":
        key = module.build_id or module.path
        if key not in self._debug_info:
            self._debug_info[key] = _read(module)
        return self._debug_info[key]


def _read(module: Module) -> "_DebugInfo | None":
    for elf in (module.elf, module.debug_file):
        try:
            data = section_of(elf, ".debug_info")
            if elf is not None and data and len(data) <= LARGEST_DEBUG_INFO:
                return _DebugInfo(elf, data)
        except DAMAGE:
            continue
    return None


class _DebugInfo:
    def __init__(self, elf: Elf, data: bytes) -> None:
        self._data = data
        self._strings = section_of(elf, ".debug_str")
        self._dwarf: Any = elf.file.get_dwarf_info(follow_links=False)

    def path(self, variable: int, offset: int) -> str | None:
        for entry in self._entries(variable):
            kind = _type_of(entry)
            if kind is not None:
                return _member_path(kind, offset)
        return None

    def class_paths(self, name: bytes, offset: int, fits: Callable[[int], bool]) -> Iterator[str | None]:
        for string in _places(self._strings, name + b"\0"):
            for at in _places(self._data, struct.pack("<I", string)):
                entry = self._class_with_name(at)
                if entry is not None and fits(_size(entry) or 0):
                    yield _member_path(entry, offset)

    def _class_with_name(self, at: int) -> DIE | None:
        """The class whose name lies at `at`: it comes first, behind the abbreviation's number."""
        unit = self._dwarf.get_CU_containing(at)
        for start in range(at - 1, max(at - LONGEST_NUMBER - 1, unit.cu_die_offset), -1):
            try:
                entry = DIE(unit, unit.dwarfinfo.debug_info_sec.stream, start)
                name = entry.attributes.get("DW_AT_name")
                if entry.tag in AGGREGATES and name is not None and name.offset == at:
                    return entry
            except DAMAGE:
                continue
        return None

    def _entries(self, variable: int) -> Iterator[DIE]:
        """The variable's entries: those whose location is the expression DW_OP_addr `variable`."""
        location = struct.pack("<BBQ", 9, 3, variable)
        for at in _places(self._data, location):
            entry = self._entry_with_location(at)
            if entry is not None:
                yield entry

    def _entry_with_location(self, at: int) -> DIE | None:
        """The variable whose location attribute lies at `at`; where it begins is found by trying."""
        unit = self._dwarf.get_CU_containing(at)
        for start in range(at - 1, max(at - LONGEST_ENTRY, unit.cu_die_offset), -1):
            try:
                entry = DIE(unit, unit.dwarfinfo.debug_info_sec.stream, start)
                location = entry.attributes.get("DW_AT_location")
                if entry.tag == "DW_TAG_variable" and location is not None and location.offset == at:
                    return entry
            except DAMAGE:
                continue
        return None


def _places(data: bytes, wanted: bytes) -> Iterator[int]:
    """Where `wanted` occurs; the first few times."""
    at = data.find(wanted)
    for _ in range(MOST_PLACES):
        if at < 0:
            return
        yield at
        at = data.find(wanted, at + 1)


def _type_of(entry: DIE) -> DIE | None:
    """The type of a variable or member, which a C++ definition leaves to its declaration."""
    for attribute in ("DW_AT_type", "DW_AT_specification", "DW_AT_abstract_origin"):
        if attribute in entry.attributes:
            found = entry.get_DIE_from_attribute(attribute)
            return found if attribute == "DW_AT_type" else _type_of(found)
    return None


def _member_path(kind: DIE | None, offset: int) -> str | None:
    """None where the offset does not lead to a lock or to a number."""
    path = ""
    for _ in range(DEEPEST):
        if kind is None:
            return None
        if LOCK_TYPES.fullmatch(_name(kind)) or kind.tag in SCALARS:
            return path if offset == 0 else None
        if kind.tag in QUALIFIERS:
            kind = _type_of(kind)
            continue
        step = _into_array(kind, offset) if kind.tag == "DW_TAG_array_type" else _into_member(kind, offset)
        if step is None:
            return None
        added, kind, offset = step
        path += added
    return None


def _children(entry: DIE) -> Iterator[DIE]:
    """The entries below one. Goes forward only, whatever a damaged file says of siblings."""
    unit: Any = entry.cu
    stream = unit.dwarfinfo.debug_info_sec.stream
    end = unit.cu_offset + unit.size
    offset, depth = entry.offset + entry.size, 0
    for _ in range(MOST_ENTRIES if entry.has_children else 0):
        if offset >= end or depth < 0:
            return
        child = DIE(unit, stream, offset)
        offset += child.size
        if child.is_null():
            depth -= 1
            continue
        if depth == 0:
            yield child
        if child.has_children:
            sibling = child.attributes.get("DW_AT_sibling")
            after = sibling.value + unit.cu_offset if sibling is not None else 0
            offset, depth = (after, depth) if offset < after <= end else (offset, depth + 1)


def _into_array(kind: DIE, offset: int) -> tuple[str, DIE | None, int] | None:
    element = _type_of(kind)
    size = _size(element)
    counts = [_count(child) for child in _children(kind) if child.tag == "DW_TAG_subrange_type"]
    if not size or not counts:
        return None
    index, rest = divmod(offset, size)
    indices: list[int] = []
    for count in reversed(counts[1:]):
        if not count:
            return None
        index, inner = divmod(index, count)
        indices.insert(0, inner)
    if counts[0] is not None and index >= counts[0]:
        return None
    return "".join(f"[{each}]" for each in (index, *indices)), element, rest


def _into_member(kind: DIE, offset: int) -> tuple[str, DIE | None, int] | None:
    """The last member that begins at or before `offset` and reaches over it."""
    if kind.tag not in AGGREGATES:
        return None
    for member in _children(kind):
        if member.tag not in ("DW_TAG_member", "DW_TAG_inheritance") or "DW_AT_type" not in member.attributes:
            continue
        start = member.attributes.get("DW_AT_data_member_location")
        begins = start.value if start is not None else 0
        inner = _type_of(member)
        if isinstance(begins, int) and begins <= offset < begins + (_size(inner) or 0):
            name = _name(member) if member.tag == "DW_TAG_member" else ""
            return f".{name}" if name else "", inner, offset - begins
    return None


def _size(kind: DIE | None) -> int | None:
    """Bytes of a type."""
    for _ in range(DEEPEST):
        if kind is None:
            return None
        if "DW_AT_byte_size" in kind.attributes:
            size = kind.attributes["DW_AT_byte_size"].value
            return size if isinstance(size, int) else None
        if kind.tag == "DW_TAG_array_type":
            return _array_size(kind)
        kind = _type_of(kind)
    return None


def _array_size(kind: DIE) -> int | None:
    size = _size(_type_of(kind))
    for child in _children(kind):
        if child.tag == "DW_TAG_subrange_type":
            size = size * (_count(child) or 0) if size else None
    return size


def _count(subrange: DIE) -> int | None:
    for attribute, more in (("DW_AT_count", 0), ("DW_AT_upper_bound", 1)):
        found = subrange.attributes.get(attribute)
        if found is not None and isinstance(found.value, int):
            return int(found.value) + more
    return None


def _name(entry: DIE) -> str:
    found = entry.attributes.get("DW_AT_name")
    return found.value.decode("utf-8", "replace") if found is not None else ""
