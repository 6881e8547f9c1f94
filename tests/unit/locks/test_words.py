"""From futex calls to kinds and bases, by glibc's table of futex words."""

import pytest

from tracer.locks.layout import Layout
from tracer.locks.primitives import Primitive, glib_primitive, libc_primitive
from tracer.locks.words import within, without_stack
from tracer.model.kinds import Kind

BASE = 0x7F00_0000_5000
P = Primitive
USUAL = Layout(cond_references=36, thread_id=720)
NEWER = Layout(cond_references=28, thread_id=720)


@pytest.mark.parametrize(
    ("primitive", "offset", "operation", "value", "kind"),
    [
        (P.MUTEX, 0, 128, 2, Kind.MUTEX),
        (P.MUTEX, 0, 393, 2, Kind.MUTEX),
        (P.MUTEX, 0, 0, 1234 | 1 << 31, Kind.MUTEX),
        (P.MUTEX, 0, 134, 0, Kind.PI_MUTEX),
        (P.MUTEX, 0, 141, 0, Kind.PI_MUTEX),
        (P.READ_LOCK, 8, 393, 3, Kind.RWLOCK_READ),
        (P.READ_LOCK, 0, 393, 6, Kind.RWLOCK_READ),
        (P.WRITE_LOCK, 12, 393, 3, Kind.RWLOCK_WRITE),
        (P.WRITE_LOCK, 8, 393, 2, Kind.RWLOCK_WRITE),
        (P.SEM, 0, 393, 0, Kind.SEM),
        (P.COND_WAIT, 40, 393, 0, Kind.COND),
        (P.COND_WAIT, 44, 393, 0, Kind.COND),
        (P.COND_WAIT, 40, 128, 0, Kind.COND),
        (P.COND_SIGNAL, 16, 128, 3, Kind.COND),
        (P.COND_SIGNAL, 20, 128, 5, Kind.COND),
        (P.COND_SIGNAL, 32, 128, 2, Kind.COND),
        (P.COND_SIGNAL, 36, 128, 12, Kind.COND),
        (P.BARRIER, 4, 128, 2, Kind.BARRIER),
        (P.BARRIER, 16, 128, 2, Kind.BARRIER),
        (P.ONCE, 0, 128, 1, Kind.ONCE),
        (P.JOIN, 720, 265, 4711, Kind.JOIN),
        (P.ALLOCATOR, 0, 128, 2, Kind.ARENA),
        (P.GLIB_MUTEX, 0, 128, 2, Kind.MUTEX),
        (P.GLIB_COND, 8, 128, 77, Kind.COND),
        (P.SYSCALL, 0, 128, 2, Kind.OTHER),
    ],
)
def test_words(primitive: Primitive, offset: int, operation: int, value: int, kind: Kind) -> None:
    assert within(primitive, BASE + offset, operation, value, USUAL) == (kind, BASE)


@pytest.mark.parametrize("offset", [32, 36])
def test_newer_condition_variables(offset: int) -> None:
    assert within(P.COND_WAIT, BASE + offset, 393, 6, NEWER) == (Kind.COND, BASE)


def test_the_mutex_is_taken_again_inside_a_wait_on_a_condition_variable() -> None:
    mutex = BASE + 40
    assert within(P.COND_WAIT, mutex, 128, 2, USUAL) == (Kind.MUTEX, mutex)
    assert within(P.COND_WAIT, mutex, 0, 99 | 1 << 31, USUAL) == (Kind.MUTEX, mutex)
    assert within(P.COND_WAIT, mutex, 134, 0, USUAL) == (Kind.PI_MUTEX, mutex)


def test_a_joined_thread_whose_layout_is_unknown_is_named_by_the_word() -> None:
    assert within(P.JOIN, BASE, 265, 4711, Layout()) == (Kind.JOIN, BASE)


@pytest.mark.parametrize(
    ("word", "operation", "value", "kind"),
    [
        (BASE, 128, 2, Kind.MUTEX),
        (BASE, 134, 0, Kind.PI_MUTEX),
        (0x7F00_0000_0030, 128, 2, Kind.ARENA),
        (BASE, 393, 0, Kind.OTHER),
        (BASE, 128, 7, Kind.OTHER),
    ],
)
def test_what_a_call_tells_without_its_stack(word: int, operation: int, value: int, kind: Kind) -> None:
    assert without_stack(word, operation, value) == (kind, word)


@pytest.mark.parametrize(
    ("function", "primitive"),
    [
        ("pthread_mutex_lock", P.MUTEX),
        ("___pthread_mutex_lock", P.MUTEX),
        ("__pthread_mutex_cond_lock", P.MUTEX),
        ("__GI___pthread_mutex_clocklock_common", P.MUTEX),
        ("mtx_timedlock", P.MUTEX),
        ("__pthread_rwlock_rdlock_full64", P.READ_LOCK),
        ("pthread_rwlock_clockwrlock", P.WRITE_LOCK),
        ("__new_sem_wait_slow64.constprop.0", P.SEM),
        ("__pthread_cond_wait_common", P.COND_WAIT),
        ("cnd_timedwait", P.COND_WAIT),
        ("pthread_cond_broadcast", P.COND_SIGNAL),
        ("__condvar_quiesce_and_switch_g1", P.COND_SIGNAL),
        ("__pthread_once_slow", P.ONCE),
        ("call_once", P.ONCE),
        ("__pthread_clockjoin_ex", P.JOIN),
        ("thrd_join", P.JOIN),
        ("__libc_malloc", P.ALLOCATOR),
        ("arena_get2.part.0", P.ALLOCATOR),
        ("_int_free", P.ALLOCATOR),
        ("free", P.ALLOCATOR),
        ("syscall", P.SYSCALL),
        ("freeaddrinfo", None),
        ("__lll_lock_wait", None),
        ("pthread_create", None),
        ("", None),
    ],
)
def test_functions_of_the_c_library(function: str, primitive: Primitive | None) -> None:
    assert libc_primitive(function) is primitive


def test_functions_of_glib() -> None:
    assert glib_primitive("g_mutex_lock") is P.GLIB_MUTEX
    assert glib_primitive("g_cond_wait_until") is P.GLIB_COND
    assert glib_primitive("g_main_loop_run") is None
