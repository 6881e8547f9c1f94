"""The symbolizer on this very process: its python, its libc, its vdso."""

import ctypes
import os

import pytest

from tracer.model.stacks import StackEnd
from tracer.process import Mapping
from tracer.symbols.space import _merged
from tracer.symbols.symbolizer import Symbolizer

PID = os.getpid()


@pytest.fixture(scope="module")
def symbolizer() -> Symbolizer:
    made = Symbolizer()
    made.watch(PID)
    return made


def address_of(name: str) -> int:
    pointer = ctypes.cast(getattr(ctypes.CDLL(None), name), ctypes.c_void_p).value
    assert pointer is not None
    return pointer


def function(symbolizer: Symbolizer, *pcs: int) -> list[str | None]:
    return [frame.function for frame in symbolizer.stack(PID, pcs, StackEnd.COMPLETE).frames]


def test_exported_functions_have_the_addresses_that_the_linker_gave_them(symbolizer: Symbolizer) -> None:
    for name in ("pthread_mutex_lock", "pthread_cond_wait", "sem_wait"):
        assert symbolizer.function_address(PID, name) == address_of(name)
    assert symbolizer.function_address(PID, "no_such_function_at_all") is None


def test_a_return_address_belongs_to_the_function_of_its_call(symbolizer: Symbolizer) -> None:
    start = address_of("pthread_mutex_lock")
    inner, outer, past = function(symbolizer, start, start + 1, start)
    assert (inner, outer) == ("pthread_mutex_lock", "pthread_mutex_lock")
    assert past != "pthread_mutex_lock"


def test_frames_say_where_they_are(symbolizer: Symbolizer) -> None:
    pc = address_of("sem_post") + 1
    stack = symbolizer.stack(PID, [pc], StackEnd.TOO_DEEP)
    (frame,) = stack.frames
    place = symbolizer.module_of(PID, pc)
    assert place is not None and place[0].endswith(f"/{frame.module}")
    assert (frame.address, frame.offset) == (pc, pc - place[1])
    assert stack.end is StackEnd.TOO_DEEP
    assert symbolizer.build_id(place[0]) is not None


def test_the_vdso_is_read_from_memory(symbolizer: Symbolizer) -> None:
    address = symbolizer.function_address(PID, "__vdso_gettimeofday")
    assert address is not None
    (frame,) = symbolizer.stack(PID, [address], StackEnd.COMPLETE).frames
    assert frame.module == "[vdso]" and frame.function is not None and "gettimeofday" in frame.function


def test_variables_in_data_and_bss(symbolizer: Symbolizer) -> None:
    for name in ("environ", "Py_NoneStruct", "_Py_NoneStruct", "stdout"):
        try:
            address = ctypes.addressof(ctypes.c_char.in_dll(ctypes.CDLL(None), name))
        except ValueError:
            continue
        found = symbolizer.data_symbol(PID, address + 1)
        assert found is not None and found[0].strip("_") == name.strip("_") and found[1] == 1


def test_addresses_that_nothing_is_mapped_at(symbolizer: Symbolizer) -> None:
    stack = symbolizer.stack(PID, [0x10, (1 << 64) - 1, 0], StackEnd.UNREADABLE)
    assert [frame.function for frame in stack.frames] == [None, None, None]
    assert symbolizer.data_symbol(PID, 0x10) is None
    assert symbolizer.module_of(PID, 0x10) is None


def test_heap_is_no_variable(symbolizer: Symbolizer) -> None:
    block = ctypes.create_string_buffer(1 << 22)
    symbolizer.refresh(PID)
    assert symbolizer.data_symbol(PID, ctypes.addressof(block)) is None


def test_a_process_that_is_not_watched() -> None:
    symbolizer = Symbolizer()
    assert symbolizer.stack(1, [5], StackEnd.COMPLETE).frames[0].function is None
    assert symbolizer.function_address(1, "main") is None
    assert symbolizer.data_symbol(1, 5) is None
    symbolizer.refresh(1)


def test_a_process_that_is_gone() -> None:
    symbolizer = Symbolizer()
    symbolizer.watch(2**22 + 1)
    assert symbolizer.stack(2**22 + 1, [5], StackEnd.COMPLETE).frames[0].label == "[unmapped]+0x5"


def mapping(start: int, end: int, inode: int = 1, permissions: str = "r-xp") -> Mapping:
    return Mapping(start, end, 0, permissions, "08:01", inode, f"/lib/{inode}")


def test_code_that_went_away_is_remembered_until_its_place_is_taken() -> None:
    gone, taken, data = (
        mapping(0x1000, 0x2000),
        mapping(0x3000, 0x4000, 2),
        mapping(0x5000, 0x6000, 3, "rw-p"),
    )
    now = [mapping(0x3800, 0x3900, 4), mapping(0x8000, 0x9000, 5)]
    assert _merged(now, [gone, taken, data]) == [gone, *now]
    assert _merged(now, now) == now
