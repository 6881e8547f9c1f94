"""Objects on a made-up heap, and what is certain of them; of real programs in the kernel tests."""

from collections.abc import Callable
from typing import cast

import pytest
from fake_memory import FakeMemory, HostileMemory

from tracer.naming.heap_names import READ_AGAIN_NS, HeapNames, Member
from tracer.naming.heap_objects import HeapObject, HeapObjects, first_argument, last_name
from tracer.naming.members import MemberFinder
from tracer.symbols.module import Module

CHUNK, OBJECT, SIZE, CHUNK_SIZE = 0x7F0000001000, 0x7F0000001010, 0x50, 0x60
LOCK = OBJECT + 0x28
TABLE, INFO, NAME, KIND, CODE = 0x410010, 0x420000, 0x430000, 0x440010, 0x401000
STORE, OTHER = "shop::Store", "Other"


def symbol(address: int) -> tuple[str, int, str] | None:
    return ("vtable for __cxxabiv1::__si_class_type_info", 16, "libstdc++.so.6") if address == KIND else None


def write_class(memory: FakeMemory, mangled: str, size: int = SIZE) -> None:
    """The class's table, type information, name and the code that deletes its objects."""
    memory.write_u64(TABLE - 16, 0, INFO, CODE, *(0,) * 7)
    memory.write_u64(INFO, KIND, NAME)
    memory.write_text(NAME, mangled)
    memory.write(CODE, b"\x90\xbe" + size.to_bytes(4, "little") + bytes(600))


def heap_memory(mangled: str = "N4shop5StoreE", size: int = SIZE) -> FakeMemory:
    """One object that fills its chunk."""
    memory = FakeMemory()
    memory.write(CHUNK - 0x1000, bytes(0x2000))
    memory.write_u64(CHUNK + 8, CHUNK_SIZE | 1, TABLE)
    memory.write_u64(CHUNK + CHUNK_SIZE + 8, 0x41)
    write_class(memory, mangled, size)
    return memory


def found_in(memory: FakeMemory, lock: int = LOCK) -> HeapObject | None:
    return HeapObjects(memory, symbol).around(lock)


@pytest.mark.parametrize("offset", [8, 0x28, 0x4C])
def test_an_object(offset: int) -> None:
    assert found_in(heap_memory(), OBJECT + offset) == HeapObject(STORE, offset, 0, CHUNK_SIZE, TABLE)


def test_an_object_whose_class_no_other_file_sees() -> None:
    found = found_in(heap_memory("*N12_GLOBAL__N_15StoreE"))
    assert found is not None
    assert found.class_name == "(anonymous namespace)::Store"


@pytest.mark.parametrize(
    ("address", "value"),
    [
        (CHUNK + 8, 0x21),  # the chunk ends before the lock
        (CHUNK + 8, CHUNK_SIZE | 3),  # mapped on its own
        (CHUNK + 8, CHUNK_SIZE + 8),
        (CHUNK + CHUNK_SIZE + 8, 0x40),  # free
        (OBJECT, TABLE + 8),
        (TABLE - 16, -16 & (1 << 64) - 1),  # a part of another object
        (TABLE - 8, NAME),
        (INFO, KIND + 8),
        (INFO + 8, 0),
        (NAME, int.from_bytes(b"no type\0", "little")),
    ],
)
def test_what_is_not_quite_an_object(address: int, value: int) -> None:
    memory = heap_memory()
    memory.write_u64(address, value)
    assert found_in(memory) is None


@pytest.mark.parametrize("lock", [OBJECT + CHUNK_SIZE - 8, OBJECT - 8, OBJECT + 0x2000, 64, 0])
def test_a_lock_outside_of_the_object(lock: int) -> None:
    assert found_in(heap_memory(), lock) is None


def test_the_class_must_fill_the_chunk() -> None:
    for size, fills in ((SIZE, True), (0x58, True), (0x48, False), (0x59, False), (0x28, False)):
        memory = heap_memory(size=size)
        objects = HeapObjects(memory, symbol)
        found = objects.around(LOCK)
        assert found is not None
        assert objects.deletes_as_whole(found) is found.fits(size) is fills


def test_an_object_that_make_shared_has_made() -> None:
    memory = heap_memory("St23_Sp_counted_ptr_inplaceIN4shop5StoreESaIvELN9__gnu_cxx12_Lock_policyE2EE")
    found = found_in(memory)
    assert found == HeapObject(STORE, 0x18, 16, CHUNK_SIZE, TABLE)
    assert found.fits(SIZE - 16)
    assert found_in(memory, OBJECT + 8) is None


@pytest.mark.parametrize(
    ("name", "argument", "last"),
    [
        ("x::Y<a::B<int, char>, int>", "a::B<int, char>", "Y<a::B<int, char>, int>"),
        ("Y<(anonymous namespace)::C>", "(anonymous namespace)::C", "Y<(anonymous namespace)::C>"),
        ("(anonymous namespace)::C", "", "C"),
        ("a::b::C", "", "C"),
        ("C<", "", "C<"),
        ("", "", ""),
    ],
)
def test_parts_of_names(name: str, argument: str, last: str) -> None:
    assert first_argument(name) == argument
    assert last_name(name) == last


class KnownClasses(MemberFinder):
    """Debug information that has these paths for whatever it is asked."""

    def __init__(self, *paths: str | None) -> None:
        super().__init__()
        self.paths = set(paths)

    def class_paths(
        self, module: Module, name: str, offset: int, fits: Callable[[int], bool]
    ) -> set[str | None]:
        return set(self.paths)


class Names:
    """Names of a heap's locks, and the clock."""

    def __init__(self, memory: FakeMemory, *paths: str | None) -> None:
        self.now = 1
        objects = HeapObjects(memory, symbol)
        self._names = HeapNames(objects, KnownClasses(*paths), lambda _: cast(Module, self), lambda: self.now)

    def see(self, still: bool = True) -> None:
        self._names.seen_waited(LOCK, lambda: still)

    def member(self) -> Member | None:
        self.now += READ_AGAIN_NS
        return self._names.member(LOCK)


def test_debug_information_tells_the_member() -> None:
    assert Names(heap_memory(), ".guard").member() == Member(STORE, ".guard")


def test_classes_that_differ_tell_nothing() -> None:
    for paths in ((".guard", ".other"), (".guard", None), (None,)):
        names = Names(heap_memory(), *paths)
        names.see()
        assert names.member() is None


def test_without_debug_information_the_lock_must_be_waited_for() -> None:
    names = Names(heap_memory())
    assert names.member() is None
    names.see(still=False)
    assert names.member() is None
    names.see()
    assert names.member() == Member(STORE, "+0x28")


def test_a_class_that_does_not_fill_its_chunk_is_not_told() -> None:
    names = Names(heap_memory(size=0x10))
    names.see()
    assert names.member() is None


def test_a_name_outlives_its_object() -> None:
    memory = heap_memory()
    names = Names(memory, ".guard")
    assert names.member() is not None
    memory.write_u64(OBJECT, 0)
    assert names.member() == Member(STORE, ".guard")


def test_a_place_that_was_two_classes_is_no_ones() -> None:
    memory = heap_memory()
    names = Names(memory, ".guard")
    assert names.member() is not None
    memory.write_text(NAME, "5Other")
    assert names.member() is None
    memory.write_text(NAME, "N4shop5StoreE")
    assert names.member() is None


@pytest.mark.parametrize("seed", range(40))
def test_hostile_memory_gives_an_end_and_no_error(seed: int) -> None:
    memory = HostileMemory(seed, (TABLE, INFO, KIND, NAME, CODE, CHUNK_SIZE | 1))
    objects = HeapObjects(memory, symbol)
    for lock in (LOCK, 64, (1 << 64) - 8):
        found = objects.around(lock)
        assert found is None or isinstance(objects.deletes_as_whole(found), bool)
    assert memory.reads < 5000
