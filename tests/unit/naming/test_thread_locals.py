"""Thread-local variables in made-up memory; of real programs in the kernel tests."""

from types import SimpleNamespace
from typing import cast

import pytest
from fake_memory import FakeMemory, HostileMemory
from test_threads import LOADER, SIZE, STACK, record_at, threads_memory

from tracer.elf import PT_TLS, Segment
from tracer.naming.thread_locals import UNALLOCATED, ThreadLocals
from tracer.naming.threads import ThreadRecords
from tracer.symbols.module import Module

FIRST, SECOND, DTV, LATE_BLOCK = 0x20000, 0x30000, 0x40000, 0x500000
PROGRAM_BIAS, LIBRARY_BIAS = 0x400000, 0x600000
TEMPLATE, FILE_SIZE, MEMORY_SIZE, ALIGNMENT, DISTANCE = 0x3000, 16, 96, 64, 128
RECORD = record_at(STACK)


def module(name: str) -> Module:
    segment = Segment(PT_TLS, 4, TEMPLATE, TEMPLATE, FILE_SIZE, MEMORY_SIZE)
    return cast(Module, SimpleNamespace(name=name, elf=SimpleNamespace(thread_locals=segment)))


MODULES = {PROGRAM_BIAS: module("program"), LIBRARY_BIAS: module("library")}


def write_link_map(memory: FakeMemory, at: int, bias: int, after: int, before: int, *facts: int) -> None:
    """`facts`: distance and number."""
    memory.write(at, bytes(2048))
    memory.write_u64(at, bias, 0, 0, after, before)
    memory.write_u64(at + 1064, bias + TEMPLATE, FILE_SIZE, MEMORY_SIZE, ALIGNMENT, 0, *facts)


def process_memory() -> FakeMemory:
    """Two threads of a program that has loaded a library, whose variables only the first thread has used."""
    memory = threads_memory(2)
    memory.write_u64(LOADER, FIRST)
    write_link_map(memory, FIRST, PROGRAM_BIAS, SECOND, 0, DISTANCE, 1)
    write_link_map(memory, SECOND, LIBRARY_BIAS, 0, FIRST, 0, 2)
    for thread, block in ((0, LATE_BLOCK), (1, UNALLOCATED)):
        dtv = DTV + 0x1000 * thread
        memory.write_u64(dtv - 16, 4, 0, 1, 0, 0, 0, block, 0)
        memory.write_u64(record_at(STACK + 4 * SIZE * thread) + 8, dtv)
    return memory


def found_at(memory: FakeMemory, address: int) -> tuple[int, str, int] | None:
    """The thread's tid, the file and the offset in its template."""
    found = ThreadLocals(memory, LOADER, ThreadRecords(memory, LOADER), MODULES).find(address)
    return (found.record.tid, found.module.name, found.offset) if found is not None else None


@pytest.mark.parametrize(
    ("address", "found"),
    [
        (RECORD - DISTANCE, (100, "program", 0)),
        (RECORD - DISTANCE + 95, (100, "program", 95)),
        (RECORD + 4 * SIZE - DISTANCE + 8, (101, "program", 8)),
        (LATE_BLOCK, (100, "library", 0)),
        (LATE_BLOCK + 95, (100, "library", 95)),
        (RECORD - DISTANCE - 1, None),
        (RECORD - DISTANCE + 96, None),
        (LATE_BLOCK + 96, None),
        (LATE_BLOCK - 1, None),
        (64, None),
    ],
)
def test_variables(address: int, found: tuple[int, str, int] | None) -> None:
    assert found_at(process_memory(), address) == found


def test_a_list_of_files_that_does_not_lead_back_ends() -> None:
    memory = process_memory()
    memory.write_u64(SECOND + 32, SECOND)
    assert found_at(memory, RECORD - DISTANCE) == (100, "program", 0)
    assert found_at(memory, LATE_BLOCK) is None


def test_a_list_of_files_that_goes_round_ends() -> None:
    memory = process_memory()
    memory.write_u64(FIRST + 24, FIRST)
    memory.write_u64(FIRST + 32, FIRST)
    assert found_at(memory, RECORD - DISTANCE) is None


def test_a_dtv_that_is_too_short_tells_nothing() -> None:
    memory = process_memory()
    memory.write_u64(DTV - 16, 1)
    assert found_at(memory, LATE_BLOCK) is None


@pytest.mark.parametrize("seed", range(20))
def test_hostile_memory_gives_an_end_and_no_error(seed: int) -> None:
    records = ThreadRecords(threads_memory(2), LOADER)
    memory = HostileMemory(seed, (FIRST, SECOND, DTV, PROGRAM_BIAS, PROGRAM_BIAS + TEMPLATE))
    variables = ThreadLocals(memory, LOADER, records, MODULES)
    for address in (RECORD - DISTANCE, LATE_BLOCK, 64):
        variables.find(address)
    assert memory.reads < 20_000
