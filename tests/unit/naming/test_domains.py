import struct

import pytest
from fake_memory import FakeMemory, HostileMemory

from tracer.naming.domains import CHUNK, MOST_SEARCHED, DomainNames
from tracer.naming.objects import ObjectClass
from tracer.naming.types import ObjectType
from tracer.process import Mapping

LIST_CLASS, DOMAIN_CLASS = 0x500000, 0x501000
ARENA = 1 << 26
LIST, BY_NAME = ARENA + 0x100, ARENA + 0x400
KEYS, HASHES, VALUES = ARENA + 0x500, ARENA + 0x600, ARENA + 0x700
DOMAINS = ARENA + 0x1000
HOLDER, TEXT = 136, 48
NAMES = ("vm-1", "vm-2", "vm-3")

LIST_TYPE = ObjectClass(1, ObjectType("virDomainObjList", LIST_CLASS, ARENA + 0x8, 96, ()))
DOMAIN_TYPE = ObjectClass(2, ObjectType("virDomainObj", DOMAIN_CLASS, 0, 224, ()))
MAPPINGS = (
    Mapping(0x1000, 0x2000, 0, "rw-p", "00:00", 0, ""),
    Mapping(ARENA, ARENA + 0x4000, 0, "rw-p", "00:00", 0, ""),
)


def libvirt_memory(names: tuple[str, ...] = NAMES) -> FakeMemory:
    """A list whose second table knows each domain by its name."""
    memory = FakeMemory()
    memory.write(ARENA, bytes(0x4000))
    memory.write_u64(ARENA + 0x8, LIST_CLASS)
    memory.write_u64(LIST, LIST_CLASS)
    memory.write_u64(LIST + 88, BY_NAME)
    memory.write(
        BY_NAME, struct.pack("<QiIIIIIQQQ", 8, 7, 7, len(names), len(names), 3, 0, KEYS, HASHES, VALUES)
    )
    memory.write_u64(0x500000, 0)
    for index, name in enumerate(names):
        domain, definition = DOMAINS + 0x400 * index, DOMAINS + 0x400 * index + 0x200
        key, own = definition + 0x120, definition + 0x160
        slot = 2 * index
        memory.write_u64(KEYS + 8 * slot, key)
        memory.write(HASHES + 4 * slot, struct.pack("<I", 1000 + index))
        memory.write_u64(VALUES + 8 * slot, domain)
        memory.write_u64(domain, DOMAIN_CLASS)
        memory.write_u64(domain + HOLDER, definition)
        memory.write_u64(definition + TEXT, own)
        memory.write(key, name.encode() + b"\0")
        memory.write(own, name.encode() + b"\0")
    return memory


def find(memory: FakeMemory) -> tuple[int, int] | None:
    return DomainNames(memory).find(LIST_TYPE, DOMAIN_TYPE, MAPPINGS)


def test_the_way_to_a_domains_name_is_found() -> None:
    assert find(libvirt_memory()) == (HOLDER, TEXT)


def test_a_job_belongs_to_the_domain_that_points_at_it() -> None:
    memory = libvirt_memory()
    job, shared = 0x7F00DEAD0000, 0x7F00BEEF0000
    memory.write_u64(DOMAINS + 0x400 + 96, job)
    for index in range(3):
        memory.write_u64(DOMAINS + 0x400 * index + 104, shared)
    owners = DomainNames(memory).by_pointer(LIST_TYPE, DOMAIN_TYPE, MAPPINGS)
    assert owners[job] == "vm-2"
    assert job + 8 not in owners
    assert shared not in owners


def test_a_way_that_fails_for_one_domain_is_no_way() -> None:
    memory = libvirt_memory()
    memory.write(DOMAINS + 0x400 + 0x200 + 0x160, b"other\0")
    assert find(memory) is None


def test_without_domains_there_is_nothing_to_verify() -> None:
    assert find(libvirt_memory(())) is None


def test_a_table_of_anything_else_is_not_believed() -> None:
    memory = libvirt_memory()
    memory.write_u64(DOMAINS + 0x800, LIST_CLASS)
    assert find(memory) is None


@pytest.mark.parametrize("mask", [6, 15, 0xFFFFFFFF])
def test_a_damaged_table_is_not_read(mask: int) -> None:
    memory = libvirt_memory()
    memory.write(BY_NAME + 12, struct.pack("<I", mask))
    assert find(memory) is None


@pytest.mark.parametrize("seed", range(40))
def test_hostile_memory_gives_an_end_and_no_error(seed: int) -> None:
    memory = HostileMemory(seed, (LIST_CLASS, DOMAIN_CLASS, LIST, BY_NAME, KEYS))
    DomainNames(memory).find(LIST_TYPE, DOMAIN_TYPE, MAPPINGS)
    assert memory.reads < 200_000


def test_no_more_heap_is_searched_than_allowed() -> None:
    class Endless(HostileMemory):
        searched = 0

        def read_some(self, address: int, size: int) -> bytes:
            Endless.searched += size if size == CHUNK else 0
            return bytes(size)

    huge = Mapping(ARENA, ARENA + (1 << 40), 0, "rw-p", "00:00", 0, "")
    assert DomainNames(Endless(1)).find(LIST_TYPE, DOMAIN_TYPE, [huge]) is None
    assert Endless.searched <= MOST_SEARCHED
