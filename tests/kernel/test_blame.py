"""Who held the lock while others waited, against the program's own count of waiters during each hold."""

from collections.abc import Iterator

import pytest
from harness import Build, Program, Trace, trace
from truth import assert_close, has_function, locks_of, of_program, sum_locks


@pytest.fixture(scope="module")
def traced(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trace]:
    with Program([build("holds.c"), "6"]) as program:
        yield trace(program, tmp_path_factory.mktemp("blame"), "--threshold", "100us", "--kinds", "all")


def blame(traced: Trace, lock: str, function: str | None = None) -> int:
    """Of a lock's release sites, or of those with the function in their stacks."""
    addresses = {entry["address"] for entry in locks_of(traced, lock)}
    return sum(
        row["blame_ns"]
        for row in traced.report["release_sites"]
        if row["lock"] in addresses and (function is None or has_function(row, function))
    )


@pytest.mark.accuracy
def test_blame_is_shared_as_the_holds_were(traced: Trace) -> None:
    by_short, by_long = traced.program["caused_by_short_ns"], traced.program["caused_by_long_ns"]
    found_short, found_long = blame(traced, "mutex", "release_short"), blame(traced, "mutex", "release_long")
    share = found_long / (found_short + found_long)
    assert abs(share - by_long / (by_short + by_long)) < 0.04


@pytest.mark.parametrize("lock", ["mutex", "outer"])
def test_the_rows_add_up_to_the_ended_waits(traced: Trace, lock: str) -> None:
    found = sum_locks(locks_of(traced, lock))
    assert_close(blame(traced, lock), found.total_ns, 0.005, f"{lock}: blame")


def test_release_sites_have_stacks_of_the_releasing_function(traced: Trace) -> None:
    addresses = {entry["address"] for entry in locks_of(traced, "mutex")}
    rows = [row for row in traced.report["release_sites"] if row["lock"] in addresses and row["frames"]]
    assert rows
    for row in rows:
        assert row["what"] == "release"
        assert has_function(row, "release_long") or has_function(row, "release_short")


@pytest.mark.accuracy
def test_owners_are_the_threads_that_held_it(traced: Trace) -> None:
    (lock,) = locks_of(traced, "mutex")
    named = [owner for owner in lock["owners"] if owner["thread"] in ("short", "long")]
    assert len(named) == 4
    assert sum(owner["waits"] for owner in named) >= lock["waits"] * 0.95


@pytest.mark.accuracy
def test_an_owner_is_confirmed_when_it_wakes_the_waiter(traced: Trace) -> None:
    """Two threads take turns at the outer lock: who held it as the wait began is who ends it."""
    (lock,) = locks_of(traced, "outer")
    assert {owner["thread"] for owner in lock["owners"]} == {"nester"}
    assert sum(owner["confirmed"] for owner in lock["owners"]) >= lock["waits"] * 0.95


def test_a_mutex_that_another_guards_is_never_waited_for(traced: Trace) -> None:
    guarded = {traced.program["recursive"], traced.program["checked"]}
    assert not [lock for lock in traced.report["locks"] if int(lock["address"], 16) in guarded]


@pytest.fixture(scope="module")
def deaths(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trace]:
    with Program([build("stuck.c"), "robust"]) as program:
        yield trace(program, tmp_path_factory.mktemp("deaths"), "--threshold", "100us", "--kinds", "all")


@pytest.mark.accuracy
def test_threads_that_die_holding_a_robust_mutex(deaths: Trace) -> None:
    own, found = of_program(deaths, "robust"), sum_locks(locks_of(deaths, "robust"))
    assert_close(found.waits, own.waits, 0.01, "waits", slack=2)
    assert_close(found.wait_ns, own.wait_ns, 0.02, "ns")


def test_the_kernel_let_go_for_the_dead(deaths: Trace) -> None:
    (lock,) = locks_of(deaths, "robust")
    rows = [row for row in deaths.report["release_sites"] if row["lock"] == lock["address"]]
    unseen = sum(row["blame_ns"] for row in rows if row["what"] == "no release seen")
    assert unseen >= lock["wait_ns"] * 0.99
