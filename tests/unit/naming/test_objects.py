import pytest
from fake_memory import FakeMemory, HostileMemory
from gobject_memory import (
    BASE_CLASS,
    CLASS_OFFSET,
    DERIVED,
    DERIVED_CLASS,
    FUNCTIONS,
    GOBJECT,
    QUARK_CODE,
    SUPERS,
    TABLE,
    gobject_memory,
)

from tracer.naming.objects import CLASS_SHIFT, LABEL_SHIFT, Objects
from tracer.naming.types import MOST_TYPES, TypeTree

OBJECT = 0x7F0000001040


def objects(memory: FakeMemory) -> Objects:
    return Objects(memory, FUNCTIONS.get)


def with_object(memory: FakeMemory, class_address: int = DERIVED_CLASS, before: int = 2048) -> FakeMemory:
    memory.write(OBJECT - before, bytes(before + 512))
    memory.write_u64(OBJECT, class_address)
    return memory


@pytest.mark.parametrize("supers", [64, 72, 80])
@pytest.mark.parametrize("class_offset", [48, 56, 64])
def test_types_are_found_wherever_glib_keeps_them(supers: int, class_offset: int) -> None:
    tree = TypeTree.find(gobject_memory(supers, class_offset), FUNCTIONS.get)
    assert tree is not None
    found = {each.name: each for each in tree.types()}
    assert set(found) == {"GObject", "virObjectLockable", "virDomainObj"}
    assert found["virDomainObj"].instance_size == 224
    assert found["virDomainObj"].parents == ("virObjectLockable", "GObject")
    assert found["virDomainObj"].own_word == DERIVED + 0x200 + class_offset


def test_no_types_without_glib() -> None:
    assert TypeTree.find(gobject_memory(), lambda name: None) is None


def test_no_types_before_the_first_object() -> None:
    memory = gobject_memory()
    memory.write_u64(GOBJECT + 32, 0)
    assert TypeTree.find(memory, FUNCTIONS.get) is None


def test_no_types_where_the_names_are_not_what_they_must_be() -> None:
    memory = gobject_memory()
    memory.write(QUARK_CODE, bytes(64))
    assert TypeTree.find(memory, FUNCTIONS.get) is None


def test_a_class_that_does_not_point_back_is_none() -> None:
    memory = gobject_memory()
    memory.write_u64(DERIVED_CLASS, GOBJECT)
    tree = TypeTree.find(memory, FUNCTIONS.get)
    assert tree is not None
    assert {each.name for each in tree.types()} == {"GObject", "virObjectLockable"}


def test_a_tree_that_bites_its_tail_ends() -> None:
    memory = gobject_memory()
    memory.write(DERIVED + 16, (1).to_bytes(4, "little"))
    memory.write_u64(DERIVED + 0x300, GOBJECT)
    tree = TypeTree.find(memory, FUNCTIONS.get)
    assert tree is not None
    assert len(list(tree.types())) == 3


def test_classes_are_told_once_and_keep_their_numbers() -> None:
    memory = gobject_memory()
    memory.write_u64(DERIVED + 0x200 + CLASS_OFFSET, 0)
    known = objects(memory)
    before = known.refresh()
    memory.write_u64(DERIVED + 0x200 + CLASS_OFFSET, DERIVED_CLASS)
    memory.write(DERIVED + 0x200 + CLASS_OFFSET + 8, (224).to_bytes(2, "little"))
    later = known.refresh()
    assert [each.type.name for each in before] == ["GObject", "virObjectLockable"]
    assert [each.type.name for each in later] == ["virDomainObj"]
    assert known.refresh() == ()
    assert len({each.number for each in (*before, *later)}) == 3


@pytest.mark.parametrize(("offset", "member"), [(24, ""), (64, "+0x40"), (216, "+0xd8")])
def test_an_object_is_found_around_a_lock(offset: int, member: str) -> None:
    known = objects(with_object(gobject_memory()))
    known.refresh()
    instance = known.instance(known.reference_at(OBJECT + offset))
    assert instance is not None
    assert instance.address == OBJECT
    assert instance.type.name == "virDomainObj"
    assert instance.member(OBJECT + offset) == member


def test_a_lock_behind_an_object_is_not_in_it() -> None:
    known = objects(with_object(gobject_memory()))
    known.refresh()
    assert known.reference_at(OBJECT + 224) == 0


def test_a_freed_object_is_none() -> None:
    known = objects(with_object(gobject_memory(), class_address=0))
    known.refresh()
    assert known.reference_at(OBJECT + 24) == 0


def test_the_nearest_of_two_objects_is_taken() -> None:
    memory = with_object(gobject_memory())
    memory.write_u64(OBJECT + 32, BASE_CLASS)
    known = objects(memory)
    known.refresh()
    instance = known.instance(known.reference_at(OBJECT + 32 + 24))
    assert instance is not None
    assert (instance.address, instance.type.name) == (OBJECT + 32, "virObjectLockable")


def test_the_type_systems_own_word_is_no_object() -> None:
    known = objects(gobject_memory())
    known.refresh()
    assert known.reference_at(DERIVED + 0x200 + CLASS_OFFSET + 16) == 0


def test_an_object_at_the_start_of_what_is_mapped() -> None:
    known = objects(with_object(gobject_memory(), before=0x40))
    known.refresh()
    assert known.reference_at(OBJECT + 24) & (1 << CLASS_SHIFT) - 1 == OBJECT


def test_a_reference_means_the_same_with_a_label() -> None:
    known = objects(with_object(gobject_memory()))
    known.refresh()
    reference = known.reference_at(OBJECT + 24)
    assert known.instance(reference) == known.instance(reference | 31 << LABEL_SHIFT)


def test_unknown_references_mean_nothing() -> None:
    known = objects(gobject_memory())
    known.refresh()
    for reference in (0, OBJECT, OBJECT | 2047 << CLASS_SHIFT, (1 << 64) - 1):
        assert known.instance(reference) is None


@pytest.mark.parametrize("seed", range(60))
def test_hostile_memory_gives_an_end_and_no_error(seed: int) -> None:
    memory = HostileMemory(seed, (TABLE, GOBJECT, DERIVED))
    known = Objects(memory, FUNCTIONS.get)
    known.refresh()
    reference = known.reference_at(OBJECT)
    known.instance(reference)
    tree = TypeTree(memory, TABLE, QUARK_CODE, SUPERS, CLASS_OFFSET)
    assert len(list(tree.types())) <= MOST_TYPES
    assert memory.reads < 40 * MOST_TYPES
