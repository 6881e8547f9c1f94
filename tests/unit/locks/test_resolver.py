"""Kinds from stacks through this process's own C library, with and without its debug file."""

import ctypes
import os
from collections.abc import Iterator

import pytest

from tracer.locks.jobs import JOB_DEPTH, waits_for_job
from tracer.locks.layout import COND_REFERENCES, read_layout
from tracer.locks.library import is_c_library
from tracer.locks.resolver import KindResolver
from tracer.model.kinds import Kind
from tracer.model.stacks import NO_STACK, Frame, Stack, StackEnd
from tracer.symbols.module import Module
from tracer.symbols.symbolizer import Symbolizer
from tracer.unwind.tables import Tables, build

PID = os.getpid()
WORD = 0x7F00_0000_5000


@pytest.fixture(scope="module")
def tables() -> Tables:
    return build([PID])


@pytest.fixture(params=["with debug files", "without"])
def symbolizer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Symbolizer]:
    if request.param == "without":
        monkeypatch.setattr(Module, "debug_file", None)
    made = Symbolizer()
    made.watch(PID)
    yield made


def inside(symbolizer: Symbolizer, *functions: str) -> Stack:
    """A stack of calls made by the first bytes of exported functions, innermost first."""
    found = [symbolizer.function_address(PID, name) for name in functions]
    return symbolizer.stack(PID, [address + 1 for address in found if address is not None], StackEnd.COMPLETE)


@pytest.mark.parametrize(
    ("functions", "operation", "value", "kind", "offset"),
    [
        (("pthread_mutex_lock",), 128, 2, Kind.MUTEX, 0),
        (("pthread_rwlock_rdlock",), 393, 3, Kind.RWLOCK_READ, 8),
        (("sem_wait",), 393, 0, Kind.SEM, 0),
        (("pthread_mutex_lock", "pthread_cond_wait"), 128, 2, Kind.MUTEX, 0),
        (("pthread_cond_wait",), 128, 2, Kind.MUTEX, 0),
        (("malloc",), 128, 2, Kind.ARENA, 0),
        (("fflush",), 128, 2, Kind.MUTEX, 0),
        (("fflush",), 128, 9, Kind.OTHER, 0),
        (("syscall", "pthread_mutex_lock"), 128, 2, Kind.OTHER, 0),
        (("Py_Initialize", "pthread_mutex_lock"), 128, 2, Kind.OTHER, 0),
    ],
)
def test_kinds(
    symbolizer: Symbolizer,
    tables: Tables,
    functions: tuple[str, ...],
    operation: int,
    value: int,
    kind: Kind,
    offset: int,
) -> None:
    resolver = KindResolver(symbolizer, tables)
    stack = inside(symbolizer, *functions)
    assert resolver.resolve(PID, WORD + offset, operation, value, stack) == (kind, WORD)


def test_condition_variables_as_this_c_library_lays_them_out(symbolizer: Symbolizer, tables: Tables) -> None:
    library = next(module for _, module in symbolizer.modules(PID) if is_c_library(module))
    signals = read_layout(library).cond_signals
    resolver = KindResolver(symbolizer, tables)
    for function in ("pthread_cond_wait", "cnd_timedwait", "pthread_cond_clockwait"):
        stack = inside(symbolizer, function)
        for group in (0, 4):
            word = WORD + signals + group
            assert resolver.resolve(PID, word, 393, 0, stack) == (Kind.COND, WORD)


def test_the_layout_says_where_a_thread_keeps_its_id(symbolizer: Symbolizer) -> None:
    library = next(module for _, module in symbolizer.modules(PID) if is_c_library(module))
    layout = read_layout(library)
    libc = ctypes.CDLL(None)
    libc.pthread_self.restype = ctypes.c_ulong
    assert layout.cond_references in COND_REFERENCES
    assert layout.thread_id is not None
    assert ctypes.c_int.from_address(libc.pthread_self() + layout.thread_id).value == libc.gettid()


def test_inner_functions_have_the_kind_of_the_one_that_reaches_them(tables: Tables) -> None:
    symbolizer = Symbolizer()
    symbolizer.watch(PID)
    waiting = inside(symbolizer, "sem_wait").frames[0]
    resolver = KindResolver(symbolizer, tables)
    place = symbolizer.place(PID, waiting.address)
    assert place is not None
    library = resolver._library(PID, place, in_glib=False)
    assert library is not None
    kinds = {library.primitive(None, start) for start in library._inner}
    assert {"SEM", "JOIN", "MUTEX"} <= {kind.name for kind in kinds if kind is not None}


def test_no_stack_and_a_stack_in_unknown_code(symbolizer: Symbolizer, tables: Tables) -> None:
    resolver = KindResolver(symbolizer, tables)
    unknown = symbolizer.stack(PID, [0x10, 0x20], StackEnd.NO_MAPPING)
    assert resolver.resolve(PID, WORD, 134, 0, NO_STACK) == (Kind.PI_MUTEX, WORD)
    assert resolver.resolve(PID, WORD, 128, 2, unknown) == (Kind.OTHER, WORD)
    assert resolver.resolve(PID, WORD, 134, 0, unknown) == (Kind.PI_MUTEX, WORD)


def frames(*functions: str) -> tuple[Frame, ...]:
    return tuple(Frame(name, "lib.so", 0, 0) for name in functions)


@pytest.mark.parametrize(
    ("function", "is_job"),
    [
        ("qemuDomainObjBeginJob", True),
        ("qemuDomainObjBeginJobInternal", True),
        ("virDomainObjBeginAsyncJob", True),
        ("virDomainObjEndJob", False),
        ("virCondWait", False),
    ],
)
def test_jobs(function: str, is_job: bool) -> None:
    assert (
        waits_for_job(Stack(frames("pthread_cond_wait", "virCondWait", function), StackEnd.COMPLETE))
        is is_job
    )


def test_a_job_far_out_in_the_stack_is_not_what_is_waited_for() -> None:
    deep = frames(*["f"] * JOB_DEPTH, "virDomainObjBeginJob")
    assert not waits_for_job(Stack(deep, StackEnd.COMPLETE))


def test_a_job_is_waited_for_through_a_condition_variable(symbolizer: Symbolizer, tables: Tables) -> None:
    cond = inside(symbolizer, "pthread_cond_timedwait")
    stack = Stack(cond.frames + frames("virCondWaitUntil", "virDomainObjBeginJobInternal"), StackEnd.COMPLETE)
    resolver = KindResolver(symbolizer, tables)
    assert resolver.resolve(PID, WORD + 40, 393, 0, stack)[0] is Kind.JOB
    assert resolver.resolve(PID, WORD, 128, 2, stack) == (Kind.MUTEX, WORD)
