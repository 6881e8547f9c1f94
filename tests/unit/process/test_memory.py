"""Another process's memory, read where it can be read."""

import ctypes
import os

import pytest

from tracer.errors import TargetError
from tracer.memory import READ_LIMIT, Memory
from tracer.process import read_mappings


@pytest.fixture(scope="module")
def memory() -> Memory:
    return Memory(os.getpid())


@pytest.fixture(scope="module")
def text() -> "ctypes.Array[ctypes.c_char]":
    return ctypes.create_string_buffer(b"\x01\x02\x03\x04\x05\x06\x07\x08name\0\xff\xfe\0", 64)


def test_words_and_bytes(memory: Memory, text: "ctypes.Array[ctypes.c_char]") -> None:
    at = ctypes.addressof(text)
    assert memory.read(at, 4) == b"\x01\x02\x03\x04"
    assert memory.u32(at) == 0x04030201
    assert memory.u64(at) == 0x0807060504030201


def test_strings(memory: Memory, text: "ctypes.Array[ctypes.c_char]") -> None:
    at = ctypes.addressof(text)
    assert memory.c_string(at + 8, 16) == "name"
    assert memory.c_string(at + 12, 16) == ""
    assert memory.c_string(at + 8, 4) is None
    assert memory.c_string(at + 13, 16) is None


@pytest.mark.parametrize("address", [0, 8, -8, 1 << 47, (1 << 63) - 4, 1 << 63, (1 << 64) - 8, 1 << 70])
def test_what_is_not_mapped_is_none(memory: Memory, address: int) -> None:
    assert memory.read(address, 8) is None
    assert memory.read_some(address, 8) == b""
    assert memory.u64(address) is None
    assert memory.u32(address) is None
    assert memory.c_string(address, 16) is None


@pytest.mark.parametrize("size", [-1, READ_LIMIT + 1])
def test_sizes_without_sense_are_none(memory: Memory, text: "ctypes.Array[ctypes.c_char]", size: int) -> None:
    assert memory.read(ctypes.addressof(text), size) is None


def test_at_the_end_of_what_is_mapped(memory: Memory) -> None:
    """Nothing is mapped above the stack, which ends with the program's path and a zero word."""
    stack = next(mapping for mapping in read_mappings(os.getpid()) if mapping.path == "[stack]")
    assert memory.read_some(stack.end - 8, 64) == bytes(8)
    assert memory.read(stack.end - 8, 64) is None
    assert memory.c_string(stack.end - 8, 64) == ""
    assert memory.u64(stack.end - 8) == 0
    assert memory.u64(stack.end - 4) is None


def test_a_process_that_is_gone() -> None:
    with pytest.raises(TargetError):
        Memory(1 << 22)


def test_closed_memory_reads_as_nothing() -> None:
    own = Memory(os.getpid())
    own.close()
    assert own.read_some(0x400000, 8) == b""
