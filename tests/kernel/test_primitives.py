"""Every way to wait, against the program's own clock: kind, number, time, call site.

The program times the call, the tracer the time from its first sleep's start to its last sleep's end. By
definition they differ by the way into and out of futex(2), and by preemption on that way.
"""

from collections.abc import Iterator

import pytest
from harness import Build, Program, Trace, in_mount_namespace, trace
from truth import (
    assert_close,
    has_function,
    locks_of,
    locks_of_kind,
    of_program,
    sites_of,
    sum_locks,
    sum_sites,
)

MUTEXES = (
    "normal",
    "recursive",
    "errorcheck",
    "adaptive",
    "robust",
    "shared",
    "shared-robust",
    "timed",
    "g_mutex",
)
PI_MUTEXES = ("pi", "pi-robust")
OTHERS = {
    "rwlock": "rwlock",
    "semaphore": "sem",
    "items": "sem",
    "barrier": "barrier",
    "pool_cond": "cond",
    "g_cond": "cond",
    "onces": "once",
    "word": "other",
}
FUNCTIONS = {
    "rwlock": ("lock_read", "lock_write"),
    "semaphore": ("take_sem",),
    "items": ("consume_item",),
    "barrier": ("meet",),
    "pool_cond": ("wait_job",),
    "g_cond": ("wait_gcond",),
    "onces": ("run_once",),
    "word": ("wait_raw",),
    "timed": ("lock_timed", "lock_clock"),
    "g_mutex": ("lock_gmutex",),
}
LOCKS = (*MUTEXES, *PI_MUTEXES, *OTHERS)


@pytest.fixture(scope="module")
def traced(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trace]:
    folder = tmp_path_factory.mktemp("primitives")
    with Program([build("primitives.c", packages=("glib-2.0",)), "6"]) as program:
        yield trace(program, folder, "--threshold", "100us", "--kinds", "all")


@pytest.fixture(scope="module")
def without_debug_files(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trace]:
    hide = in_mount_namespace("mount -t tmpfs none /usr/lib/debug 2>/dev/null")
    command = [*hide, str(build("primitives.c", packages=("glib-2.0",))), "2"]
    with Program(command) as program:
        folder = tmp_path_factory.mktemp("hidden")
        yield trace(program, folder, "--threshold", "100us", "--kinds", "all", prefix=hide)


def kind_of(lock: str) -> str:
    return "mutex" if lock in MUTEXES else "pi-mutex" if lock in PI_MUTEXES else OTHERS[lock]


def tolerance(lock: str) -> float:
    return 0.01 if lock in MUTEXES else 0.02


@pytest.mark.parametrize("lock", LOCKS)
def test_kind(traced: Trace, lock: str) -> None:
    found = locks_of(traced, lock)
    assert found
    assert {entry["kind"] for entry in found} == {kind_of(lock)}


@pytest.mark.parametrize("lock", LOCKS)
def test_kind_without_debug_files(without_debug_files: Trace, lock: str) -> None:
    test_kind(without_debug_files, lock)
    addresses = {entry["address"] for entry in locks_of(without_debug_files, lock)}
    for function in functions_of(lock):
        assert sites_of(without_debug_files, addresses, function)


def functions_of(lock: str) -> tuple[str, ...]:
    return FUNCTIONS.get(lock, ("lock_first", "lock_second"))


@pytest.mark.accuracy
@pytest.mark.parametrize("lock", LOCKS)
def test_number_and_time(traced: Trace, lock: str) -> None:
    own, found = of_program(traced, lock), sum_locks(locks_of(traced, lock))
    assert_close(found.waits, own.waits, tolerance(lock), f"{lock}: waits", slack=2)
    assert_close(found.wait_ns, own.wait_ns, tolerance(lock), f"{lock}: ns")


@pytest.mark.accuracy
@pytest.mark.parametrize("lock", LOCKS)
def test_call_sites(traced: Trace, lock: str) -> None:
    addresses = {entry["address"] for entry in locks_of(traced, lock)}
    for function in functions_of(lock):
        own, found = of_program(traced, lock, function), sum_sites(sites_of(traced, addresses, function))
        assert_close(found.waits, own.waits, 0.02, f"{lock} at {function}: waits", slack=2)
        assert_close(found.wait_ns, own.wait_ns, 0.02, f"{lock} at {function}: ns")


@pytest.mark.accuracy
def test_join(traced: Trace) -> None:
    own, found = of_program(traced, "join"), sum_locks(locks_of_kind(traced, "join"))
    late = found.wait_ns - own.wait_ns
    # The joins of the program's end are in the report alone: one per thread, after its work.
    ends = [
        site for site in traced.report["call_sites"] if site["kind"] == "join" and has_function(site, "main")
    ]
    late -= sum_sites(ends).wait_ns
    assert abs(late) <= own.wait_ns * 0.02


@pytest.mark.accuracy
def test_arena(traced: Trace) -> None:
    # Of the program's time in malloc a part is malloc's own work; the short calls are mostly that.
    own = of_program(traced, "arena")
    sites = [
        site
        for site in traced.report["call_sites"]
        if site["kind"] == "arena" and has_function(site, "allocate")
    ]
    found = sum_sites(sites)
    assert_close(found.waits, own.waits, 0.02, "arena: waits", slack=3)
    assert_close(found.wait_ns, own.wait_ns, 0.02, "arena: ns")


@pytest.mark.accuracy
def test_a_condition_and_the_mutex_taken_anew_make_up_the_call(traced: Trace) -> None:
    own = of_program(traced, "relock_cond")
    mutex = f"{traced.program['relock_mutex']:#x}"
    again = sum_sites(sites_of(traced, {mutex}, "wait_round"))
    waiting = sum_locks(locks_of(traced, "relock_cond"))
    assert again.waits > own.waits * 0.4
    assert_close(waiting.wait_ns + again.wait_ns, own.wait_ns, 0.02, "cond and mutex: ns")


@pytest.mark.accuracy
def test_timeouts_are_counted(traced: Trace) -> None:
    found = sum(entry["timeouts"] for entry in locks_of(traced, "timed"))
    assert_close(found, traced.program["timeouts"], 0.01, "timeouts", slack=1)


def test_nothing_is_lost(traced: Trace) -> None:
    health = traced.report["health"]
    assert [health[name] for name in ("waits_lost", "stacks_lost", "events_lost")] == [0, 0, 0]
    assert health["stacks_complete"] >= health["stacks"] * 0.999


def test_contention_is_told_from_idling(traced: Trace) -> None:
    idle = {"cond", "barrier", "join", "other"}
    assert all(lock["contention"] == (lock["kind"] not in idle) for lock in traced.report["locks"])
