"""The order in which names are looked for, on a made-up process."""

from collections.abc import Callable

import pytest
from fake_memory import FakeMemory
from gobject_memory import DERIVED_CLASS, gobject_memory

from tracer import abi
from tracer.model.kinds import Kind
from tracer.model.stacks import NO_STACK, Frame, Stack, StackEnd
from tracer.naming import exports, places, target
from tracer.naming.namer import Namer
from tracer.process import Mapping, Process
from tracer.symbols.symbolizer import Symbolizer

PID = 5_000_000  # above any pid: nothing of a real process is read
PROCESS = Process(PID, "program", "/program", 1, 4, 5, False)
FRAMES = (
    Frame("pthread_mutex_lock", "libc.so.6", 1, 1),
    Frame("virMutexLock", "libvirt.so.0", 2, 2),
    Frame("work", "program", 3, 3),
)
STACK = Stack(FRAMES, StackEnd.COMPLETE)

HEAP, OBJECT, FILE, DATA = 0x7F0000000000, 0x7F0000001040, 0x7F1000000000, 0x7F2000000000
MAPPINGS = (
    Mapping(HEAP, HEAP + 0x10000, 0, "rw-p", "00:00", 0, ""),
    Mapping(FILE, FILE + 0x2000, 0x3000, "rw-s", "08:01", 7, "/dev/shm/state"),
    Mapping(FILE + 0x4000, FILE + 0x5000, 0, "rw-s", "00:01", 8, "/memfd:queue"),
    Mapping(FILE + 0x6000, FILE + 0x7000, 0, "rw-s", "00:01", 9, "/dev/zero"),
)


class FakeSymbolizer(Symbolizer):
    """Knows two variables and one file."""

    def data_symbol(self, pid: int, address: int) -> tuple[str, int, str] | None:
        known = {DATA: ("state", 0, "program"), DATA + 8: ("state", 8, "program")}
        return known.get(address) or (("_rtld_global", 0x908, "ld.so") if address == DATA + 0x40 else None)

    def module_of(self, pid: int, address: int) -> tuple[str, int] | None:
        return ("/usr/lib/libx.so.1", DATA) if DATA <= address < DATA + 0x1000 else None


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> FakeMemory:
    memory = gobject_memory()
    memory.write(OBJECT - 0x100, bytes(0x400))
    memory.write_u64(OBJECT, DERIVED_CLASS)
    functions: Callable[[object, int, str], int | None] = lambda _, __, name: {  # noqa: E731
        "g_type_fundamental": 0x20000,
        "g_quark_to_string": 0x21000,
    }.get(name)
    monkeypatch.setattr(target, "Memory", lambda pid: memory)
    monkeypatch.setattr(target, "exported_address", functions)
    monkeypatch.setattr(places, "read_mappings", lambda pid: MAPPINGS)
    monkeypatch.setattr(places.Mappings.__init__, "__defaults__", (lambda pid: MAPPINGS,))
    assert exports.HOMES
    return memory


@pytest.fixture
def watched(memory: FakeMemory) -> Namer:
    labels = {OBJECT: "vm-7"}
    found = Namer(
        FakeSymbolizer(), [PROCESS], True, lambda pid, reference: labels.get(reference & (1 << 48) - 1)
    )
    assert len(found.watch(PID)) == 3
    return found


def test_an_object(watched: Namer) -> None:
    reference = watched.saw_blocked(PID, OBJECT + 24, OBJECT + 24, Kind.MUTEX)
    lock = watched.lock(PID, OBJECT + 24, Kind.MUTEX, reference, STACK)
    assert (lock.name, lock.identity) == ('virDomainObj "vm-7"', "virDomainObj")
    assert lock.class_name == "virDomainObj"


def test_objects_that_were_at_one_place_one_after_the_other(memory: FakeMemory) -> None:
    shift = abi.number("OBJECT_LABEL_SHIFT")
    names = {1: "vm-1", 2: "vm-2", 3: "vm-3", 4: "vm-1"}
    several = Namer(FakeSymbolizer(), [PROCESS], True, lambda pid, reference: names.get(reference >> shift))
    several.watch(PID)
    plain = several.saw_blocked(PID, OBJECT + 24, OBJECT + 24, Kind.MUTEX)
    references = [plain | label << shift for label in names]

    def name(count: int) -> str:
        first, *others = references[:count]
        lock = several.lock(PID, OBJECT + 24, Kind.MUTEX, first, STACK, others)
        assert lock.identity == "virDomainObj"
        return lock.name

    assert name(1) == 'virDomainObj "vm-1"'
    assert name(2) == 'virDomainObj "vm-1", "vm-2"'
    assert name(3) == name(4) == 'virDomainObj "vm-1", "vm-2" and 1 more'


def test_members_of_an_object(watched: Namer) -> None:
    reference = watched.saw_blocked(PID, OBJECT + 64, OBJECT + 64, Kind.COND)
    assert watched.lock(PID, OBJECT + 64, Kind.COND, reference, STACK).identity == "virDomainObj+0x40 cond"
    assert watched.lock(PID, OBJECT + 120, Kind.MUTEX, reference, STACK).identity == "virDomainObj+0x78"
    assert watched.lock(PID, OBJECT + 32, Kind.RWLOCK_WRITE, reference, STACK).kind is Kind.RWLOCK


def test_a_reference_to_an_object_elsewhere_names_nothing(watched: Namer) -> None:
    reference = watched.saw_blocked(PID, OBJECT + 24, OBJECT + 24, Kind.MUTEX)
    for base in (OBJECT - 8, OBJECT + 224):
        assert watched.lock(PID, base, Kind.MUTEX, reference, STACK).class_name is None


def test_objects_without_their_names(memory: FakeMemory) -> None:
    plain = Namer(FakeSymbolizer(), [PROCESS], False, lambda pid, reference: "vm-7")
    plain.watch(PID)
    reference = plain.saw_blocked(PID, OBJECT + 24, OBJECT + 24, Kind.MUTEX)
    assert plain.lock(PID, OBJECT + 24, Kind.MUTEX, reference, STACK).name == "virDomainObj"


def test_a_hostile_label_stays_on_its_line(memory: FakeMemory) -> None:
    hostile = Namer(FakeSymbolizer(), [PROCESS], True, lambda pid, reference: "a\x1b[31m;\n" + "b" * 1000)
    hostile.watch(PID)
    reference = hostile.saw_blocked(PID, OBJECT + 24, OBJECT + 24, Kind.MUTEX)
    name = hostile.lock(PID, OBJECT + 24, Kind.MUTEX, reference, STACK).name
    assert name.isprintable()
    assert ";" not in name
    assert len(name) < 600


@pytest.mark.parametrize(
    ("address", "name", "identity"),
    [
        (DATA, "state", "program:state"),
        (DATA + 8, "state+0x8", "program:state+0x8"),
        (DATA + 0x40, "dynamic loader's lock (_rtld_global+0x908)", "ld.so:_rtld_global+0x908"),
        (DATA + 0x100, "libx.so.1+0x100", "libx.so.1+0x100"),
        (FILE + 0x40, "/dev/shm/state+0x3040", "/dev/shm/state+0x3040"),
        (FILE + 0x4040, "/memfd:queue+0x40", "/memfd:queue+0x40"),
        (FILE + 0x6040, "shared memory+0x40", "shared memory+0x40"),
        (HEAP + 64, "heap lock first waited for in work", "heap lock first waited for in work"),
        (0x1234, "heap lock first waited for in work", "heap lock first waited for in work"),
    ],
)
def test_variables_places_and_call_sites(watched: Namer, address: int, name: str, identity: str) -> None:
    lock = watched.lock(PID, address, Kind.MUTEX, 0, STACK)
    assert (lock.name, lock.identity, lock.class_name) == (name, identity, None)


def test_a_variable_that_looks_like_part_of_an_object_is_a_variable(watched: Namer) -> None:
    reference = watched.saw_blocked(PID, OBJECT + 24, OBJECT + 24, Kind.MUTEX)
    assert watched.lock(PID, DATA, Kind.MUTEX, reference, STACK).name == "state"


def test_kinds_read_well(watched: Namer) -> None:
    expected = {
        Kind.SEM: "heap semaphore first waited for in work",
        Kind.COND: "heap condition first waited for in work",
        Kind.JOIN: "thread joined in work",
        Kind.JOB: "virDomainObj job",
        Kind.OTHER: "heap futex first waited for in work",
    }
    assert {kind: watched.lock(PID, HEAP, kind, 0, STACK).identity for kind in expected} == expected


def test_arenas(watched: Namer) -> None:
    main = watched.lock(PID, DATA + 0x200, Kind.ARENA, 0, STACK)
    others = [watched.lock(PID, HEAP + offset, Kind.ARENA, 0, STACK) for offset in (0, 8, 0)]
    assert main.name == main.identity == "malloc main arena"
    assert [lock.name for lock in others] == ["malloc arena 1", "malloc arena 2", "malloc arena 1"]
    assert {lock.identity for lock in others} == {"malloc arena"}


def test_a_later_stack_may_tell_more(watched: Namer) -> None:
    assert watched.lock(PID, HEAP, Kind.MUTEX, 0, NO_STACK).name == "heap lock"
    assert watched.lock(PID, HEAP, Kind.MUTEX, 0, STACK).name == "heap lock first waited for in work"


def test_a_process_that_is_not_watched_or_gone(memory: FakeMemory) -> None:
    unwatched = Namer(FakeSymbolizer(), [], True)
    assert unwatched.watch(PID) == ()
    assert unwatched.saw_blocked(PID, OBJECT, OBJECT, Kind.JOB) == 0
    assert unwatched.lock(PID, HEAP, Kind.MUTEX, 0, STACK).name == "heap lock first waited for in work"
