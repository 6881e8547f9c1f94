"""Where a libvirt domain's object keeps the domain's name: found without debug symbols.

libvirt's virDomainObjList holds a hash table from names to objects. A pair of offsets counts as found where
it leads from every object of the table to the very name that the table has for it.
"""

import struct
from collections.abc import Iterable, Iterator

from tracer.naming.objects import ObjectClass
from tracer.naming.reading import Reader, words
from tracer.process import Mapping

LIST_CLASS, DOMAIN_CLASS = "virDomainObjList", "virDomainObj"

CHUNK = 1 << 22
MOST_SEARCHED = 1 << 28
"""Bytes of heap that are searched for the list."""

ARENA_ALIGNMENT = 1 << 26
"""glibc's arenas, but for the main one in [heap], begin at multiples of this."""

MOST_DOMAINS = 1 << 13
LARGEST_INSTANCE = 1024
MOST_COMPARED = 64
NAME_LIMIT = 256
FIRST_MEMBER = 24  # behind the GObject
DEFINITION_SIZE = 256

# struct _GHashTable of glib/ghash.c: size, mod, mask, nnodes, noccupied, big keys and values, a hole, keys,
# hashes, values
HASH_TABLE = struct.Struct("<QiIIIIIQQQ")
BIG_KEYS_AND_VALUES = 3
FIRST_USED_HASH = 2


class DomainNames:
    """Looks for the offsets in one process until it finds them."""

    def __init__(self, memory: Reader) -> None:
        self._memory = memory
        self._list = 0
        self._way: tuple[int, int] | None = None

    def find(
        self, list_class: ObjectClass, domain_class: ObjectClass, mappings: Iterable[Mapping]
    ) -> tuple[int, int] | None:
        """(offset of the definition in a domain object, offset of the name in the definition); None where
        there is no domain now, or memory is not as expected."""
        for domains in self._tables(list_class, domain_class, mappings):
            offsets = self._offsets(domains[:MOST_COMPARED], domain_class.type.instance_size)
            if offsets is not None:
                self._way = offsets
                return offsets
        return None

    def by_pointer(
        self, list_class: ObjectClass, domain_class: ObjectClass, mappings: Iterable[Mapping]
    ) -> dict[int, str]:
        """What exactly one domain's object points at, such as its job, to that domain's name."""
        way = self._way or self.find(list_class, domain_class, mappings)
        size = min(domain_class.type.instance_size, LARGEST_INSTANCE)
        instances = {
            instance
            for domains in self._tables(list_class, domain_class, mappings)
            for instance, _ in (domains if way is not None else ())
        }
        owners: dict[int, str] = {}
        for instance in instances:
            name = self._label(instance, *way) if way is not None else None
            for pointer in set(words(self._memory.read_some(instance, size))):
                owners[pointer] = name if name and pointer not in owners else ""
        return {pointer: name for pointer, name in owners.items() if name}

    def _tables(
        self, list_class: ObjectClass, domain_class: ObjectClass, mappings: Iterable[Mapping]
    ) -> Iterator[list[tuple[int, str]]]:
        """The tables of the list: domain objects with the strings that they are known by."""
        if self._memory.u64(self._list) != list_class.type.class_address:
            self._list = self._find_list(list_class, mappings)
        size = min(list_class.type.instance_size, LARGEST_INSTANCE)
        for table in words(self._memory.read_some(self._list, size))[FIRST_MEMBER // 8 :]:
            yield self._domains(table, domain_class.type.class_address)

    def _find_list(self, list_class: ObjectClass, mappings: Iterable[Mapping]) -> int:
        wanted = struct.pack("<Q", list_class.type.class_address)
        for start, data in self._heap(mappings):
            at = data.find(wanted)
            while at >= 0:
                address = start + at
                if at % 8 == 0 and address != list_class.type.own_word and self._has_tables(address):
                    return address
                at = data.find(wanted, at + 1)
        return 0

    def _has_tables(self, address: int) -> bool:
        members = words(self._memory.read_some(address, 512))[FIRST_MEMBER // 8 :]
        return any(self._table(member) is not None for member in members)

    def _heap(self, mappings: Iterable[Mapping]) -> Iterator[tuple[int, bytes]]:
        left = MOST_SEARCHED
        for mapping in mappings:
            if not _is_malloced(mapping):
                continue
            for start in range(mapping.start, mapping.end, CHUNK):
                if left <= 0:
                    return
                data = self._memory.read_some(start, min(CHUNK, mapping.end - start))
                left -= len(data)
                yield start, data

    def _table(self, address: int) -> tuple[int, int, int, int] | None:
        """Size, keys, hashes and values of a hash table of pointers; None where there is none there."""
        data = self._memory.read(address, HASH_TABLE.size) if address > 4096 else None
        if data is None:
            return None
        size, _, mask, nodes, occupied, big, _, keys, hashes, values = HASH_TABLE.unpack(data)
        plausible = size == mask + 1 and nodes <= occupied <= size <= MOST_DOMAINS
        if not plausible or big & BIG_KEYS_AND_VALUES != BIG_KEYS_AND_VALUES:
            return None
        return size, keys, hashes, values

    def _domains(self, address: int, domain_class: int) -> list[tuple[int, str]]:
        """The objects of a table and the strings that it knows them by; none where it holds anything else."""
        table = self._table(address)
        if table is None:
            return []
        size, keys, hashes, values = table
        names, objects = (words(self._memory.read(array, 8 * size) or b"") for array in (keys, values))
        used = struct.unpack(f"<{size}I", self._memory.read(hashes, 4 * size) or bytes(4 * size))
        found = []
        for name, instance, hashed in zip(names, objects, used, strict=False):
            if hashed < FIRST_USED_HASH:
                continue
            text = self._memory.c_string(name, NAME_LIMIT)
            if not text or self._memory.u64(instance) != domain_class:
                return []
            found.append((instance, text))
        return found

    def _offsets(self, domains: list[tuple[int, str]], instance_size: int) -> tuple[int, int] | None:
        if not domains:
            return None
        instance, name = domains[0]
        size = min(instance_size, LARGEST_INSTANCE)
        for holder, definition in enumerate(words(self._memory.read_some(instance, size))):
            if holder * 8 < FIRST_MEMBER or definition <= 4096:
                continue
            for text, string in enumerate(words(self._memory.read_some(definition, DEFINITION_SIZE))):
                offsets = (8 * holder, 8 * text)
                if self._memory.c_string(string, NAME_LIMIT) == name and self._agree(domains, *offsets):
                    return offsets
        return None

    def _agree(self, domains: list[tuple[int, str]], holder: int, text: int) -> bool:
        return all(self._label(instance, holder, text) == name for instance, name in domains)

    def _label(self, instance: int, holder: int, text: int) -> str | None:
        definition = self._memory.u64(instance + holder)
        string = self._memory.u64(definition + text) if definition else None
        return self._memory.c_string(string, NAME_LIMIT) if string else None


def _is_malloced(mapping: Mapping) -> bool:
    in_arena = not mapping.path and mapping.start % ARENA_ALIGNMENT == 0
    return mapping.permissions == "rw-p" and (in_arena or mapping.path == "[heap]")
