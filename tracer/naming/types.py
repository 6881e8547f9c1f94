"""The classes that a GObject program has registered, read from the type system in its memory.

No debug symbols and no version are relied on: offsets are those where nodes, their data and their classes
point back at each other.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from tracer.naming.reading import LOAD, LOAD_ADDRESS, FunctionAddress, Reader, code_references, words
from tracer.symbols.names import clean

CODE_READ = 128
NAME_LIMIT = 256
FUNDAMENTALS = 256
OBJECT_INDEX = 20
"""GObject's place among the fundamental types; a fundamental type's id is its index << 2."""

MOST_TYPES = 16384
DEEPEST = 64
MOST_CHILDREN = 4 * MOST_TYPES
"""Entries of lists of children that one walk reads in all: a damaged tree may list a type again and again."""

# struct TypeNode and union TypeData of gobject/gtype.c
N_CHILDREN, N_SUPERS, CHILDREN, DATA, QNAME = 16, 20, 24, 32, 40
SUPERS_OFFSETS = (72, 64, 80, 56, 88)
CLASS_OFFSETS = (56, 48, 64, 40, 72)


@dataclass(frozen=True, slots=True)
class ObjectType:
    """A class with instances. `own_word` is where the type system itself keeps the class's address; `parents`
    are the names of its ancestors, the nearest first."""

    name: str
    class_address: int
    own_word: int
    instance_size: int
    parents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Node:
    address: int
    parents: tuple[str, ...]


class TypeTree:
    """The type system of one process, once it was found and verified."""

    def __init__(
        self, memory: Reader, table: int, quarks: int, supers_offset: int, class_offset: int
    ) -> None:
        self._memory = memory
        self._table = table
        self._quarks = quarks
        self._supers = supers_offset
        self._class = class_offset

    @classmethod
    def find(cls, memory: Reader, function_address: FunctionAddress) -> "TypeTree | None":
        """None where there is no GObject, or none was made yet, or its memory is not as expected."""
        for table in _references(memory, function_address, "g_type_fundamental", LOAD_ADDRESS):
            root = memory.u64(table + 8 * OBJECT_INDEX)
            offsets = _offsets(memory, root) if root else None
            if root is None or offsets is None:
                continue
            for quarks in _references(memory, function_address, "g_quark_to_string", LOAD):
                tree = cls(memory, table, quarks, *offsets)
                if tree._name(memory.u32(root + QNAME)) == "GObject":
                    return tree
        return None

    def types(self) -> Iterator[ObjectType]:
        """All classes that exist by now, fundamental ones first."""
        pending = [
            _Node(address, ())
            for address in words(self._memory.read(self._table, 8 * FUNDAMENTALS) or b"")
            if address
        ]
        seen = {node.address for node in pending}
        left = MOST_CHILDREN
        while pending and len(seen) < MOST_TYPES:
            node = pending.pop()
            data = self._memory.read(node.address, self._supers + 8)
            name = self._checked_name(node, data) if data else None
            if data is None or name is None:
                continue
            found = self._type(node, data, name)
            if found is not None:
                yield found
            if len(node.parents) < DEEPEST:
                children = self._children(data, left)
                left -= len(children)
                children = tuple(child for child in children if child not in seen)
                seen.update(children)
                pending += [_Node(child, (name, *node.parents)) for child in children]

    def _checked_name(self, node: _Node, data: bytes) -> str | None:
        """The type's name, None where the memory holds no node of that depth (any more)."""
        own_id = int.from_bytes(data[self._supers : self._supers + 8], "little")
        is_own = own_id == node.address if node.parents else own_id < FUNDAMENTALS << 2
        if data[N_SUPERS] != len(node.parents) or not is_own:
            return None
        return self._name(int.from_bytes(data[QNAME : QNAME + 4], "little"))

    def _type(self, node: _Node, data: bytes, name: str) -> ObjectType | None:
        (type_data,) = struct.unpack_from("<Q", data, DATA)
        own_word = type_data + self._class
        class_data = self._memory.read(own_word, 10) if type_data else None
        if class_data is None:
            return None
        address, size = struct.unpack("<QH", class_data)
        own_id = int.from_bytes(data[self._supers : self._supers + 8], "little")
        if size <= 8 or not address or self._memory.u64(address) != own_id:
            return None
        return ObjectType(name, address, own_word, size, node.parents)

    def _children(self, data: bytes, most: int) -> tuple[int, ...]:
        (count,) = struct.unpack_from("<I", data, N_CHILDREN)
        (children,) = struct.unpack_from("<Q", data, CHILDREN)
        if not 0 < count <= most:
            return ()
        return words(self._memory.read(children, 8 * count) or b"")

    def _name(self, quark: int | None) -> str | None:
        strings = self._memory.u64(self._quarks)
        text = self._memory.u64(strings + 8 * quark) if strings and quark else None
        name = self._memory.c_string(text, NAME_LIMIT) if text else None
        return clean(name) if name else None


def _references(memory: Reader, function_address: FunctionAddress, name: str, opcode: int) -> list[int]:
    address = function_address(name)
    code = memory.read_some(address, CODE_READ) if address else b""
    return list(code_references(code, address, opcode)) if address else []


def _offsets(memory: Reader, root: int) -> tuple[int, int] | None:
    """Where a node keeps its ancestors and its data the class, by GObject's own node; None until its class
    exists."""
    own_id = OBJECT_INDEX << 2
    data = memory.u64(root + DATA)
    for supers in SUPERS_OFFSETS:
        if data and memory.u64(root + supers) == own_id:
            for offset in CLASS_OFFSETS:
                address = memory.u64(data + offset)
                if address and memory.u64(address) == own_id:
                    return supers, offset
    return None
