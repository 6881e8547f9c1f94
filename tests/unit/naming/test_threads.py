import struct

import pytest
from fake_memory import FakeMemory, HostileMemory

from tracer.naming.threads import LIST, LOADER_DATA_SIZE, PTHREAD_SIZE, ThreadRecords

LOADER, HEAD = 0x10000, 0x10040
STACK, SIZE = 0x7F0000000000, 1 << 20
TID, BLOCK = 720, 1680


def record_at(stack: int) -> int:
    return stack + SIZE - PTHREAD_SIZE


def threads_memory(count: int = 2) -> FakeMemory:
    """Threads whose records lie on top of their stacks, in one list of the loader."""
    memory = FakeMemory()
    memory.write(LOADER, bytes(LOADER_DATA_SIZE))
    records = [record_at(STACK + 4 * SIZE * index) for index in range(count)]
    links = [HEAD, *(record + LIST for record in records)]
    for index, record in enumerate(records):
        memory.write(record, bytes(PTHREAD_SIZE))
        memory.write_u64(record, record, 0, record)
        memory.write(record + TID, struct.pack("<I", 100 + index))
        memory.write_u64(record + BLOCK, record + PTHREAD_SIZE - SIZE, SIZE)
    for before, link, after in zip(links[-1:] + links, links, links[1:] + links[:1], strict=False):
        memory.write_u64(link, after, before)
    return memory


def test_a_stack_belongs_to_the_record_on_top_of_it() -> None:
    records = ThreadRecords(threads_memory(), LOADER)
    for index in range(2):
        stack = STACK + 4 * SIZE * index
        for address in (stack, stack + 1234, record_at(stack) + 40):
            found = records.around(address)
            assert found is not None
            assert found.tid == 100 + index


@pytest.mark.parametrize("address", [STACK - 8, STACK + SIZE, STACK + 2 * SIZE, 0x1000])
def test_other_memory_belongs_to_none(address: int) -> None:
    assert ThreadRecords(threads_memory(), LOADER).around(address) is None


def test_a_record_that_does_not_know_its_own_address_is_none() -> None:
    memory = threads_memory(1)
    memory.write_u64(record_at(STACK) + 16, 0x1234)
    assert ThreadRecords(memory, LOADER).around(record_at(STACK)) is None


def test_of_a_record_without_a_stack_only_itself_is_known() -> None:
    memory = threads_memory(1)
    memory.write_u64(record_at(STACK) + BLOCK, 0, 0)
    records = ThreadRecords(memory, LOADER)
    assert records.around(record_at(STACK) + 8) is not None
    assert records.around(STACK + 64) is None


def test_a_list_that_never_comes_back_ends() -> None:
    memory = threads_memory(2)
    second = record_at(STACK + 4 * SIZE)
    memory.write_u64(second + LIST, second + LIST)
    assert ThreadRecords(memory, LOADER).around(STACK) is not None


@pytest.mark.parametrize("seed", range(40))
def test_hostile_memory_gives_an_end_and_no_error(seed: int) -> None:
    memory = HostileMemory(seed, (LOADER, HEAD, record_at(STACK) + LIST))
    ThreadRecords(memory, LOADER).around(STACK)
    assert memory.reads < 200_000
