"""Waits that signals, a stop of the process and cancellation interrupt."""

from collections.abc import Iterator
from typing import Any

import pytest
from harness import Build, Program, Trace, trace
from truth import assert_close, has_function, locks_of, of_program

RELEASED = {
    "posted": "post_it",
    "plain": "post_it",
    "restarted": "let_go",
    "repeated": "let_go",
    "fed": "post_it",
}
CHANGED = ("changed", "changed plain")
UNRELEASED = ("timeout", "given up", *CHANGED, "cancelled", "cancelled cond")
LOCKS = (*RELEASED, *UNRELEASED)


@pytest.fixture(scope="module")
def traced(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trace]:
    with Program([build("interruptions.c")]) as program:
        yield trace(program, tmp_path_factory.mktemp("interruptions"), "--threshold", "1ms", "--kinds", "all")


def lock_of(traced: Trace, name: str) -> dict[str, Any]:
    (lock,) = locks_of(traced, name)
    return lock


def blame_of(traced: Trace, name: str) -> list[dict[str, Any]]:
    address = lock_of(traced, name)["address"]
    return [row for row in traced.report["release_sites"] if row["lock"] == address]


@pytest.mark.parametrize("name", LOCKS)
def test_each_call_is_one_wait(traced: Trace, name: str) -> None:
    """`fed` waits again, by the same call, right after a wait that had been interrupted."""
    lock, calls = lock_of(traced, name), 2 if name == "fed" else 1
    assert (lock["waits"], lock["long_waits"], lock["unfinished"]) == (calls, calls, 0)


@pytest.mark.accuracy
@pytest.mark.parametrize("name", [name for name in LOCKS if name not in CHANGED])
def test_it_lasts_from_its_first_sleep_to_its_last(traced: Trace, name: str) -> None:
    assert_close(lock_of(traced, name)["wait_ns"], of_program(traced, name).total_ns, 0.02, f"{name}: ns")


@pytest.mark.parametrize("name", CHANGED)
def test_what_does_not_sleep_again_ended_when_it_was_stopped(traced: Trace, name: str) -> None:
    stopped = of_program(traced, name).total_ns
    assert stopped - traced.program["stopping_ns"] < lock_of(traced, name)["wait_ns"] < stopped


def test_nothing_is_left_open(traced: Trace) -> None:
    assert traced.report["waiting"] == []


@pytest.mark.parametrize("name", RELEASED)
def test_how_it_ended_is_told_by_its_last_sleep(traced: Trace, name: str) -> None:
    lock = lock_of(traced, name)
    assert (lock["timeouts"], lock["interrupted"]) == (0, 0)


def test_a_wait_that_went_on_after_a_stop_can_time_out(traced: Trace) -> None:
    lock = lock_of(traced, "timeout")
    assert (lock["timeouts"], lock["interrupted"]) == (1, 0)


@pytest.mark.parametrize("name", ["given up", "cancelled", "cancelled cond"])
def test_what_a_signal_or_cancellation_ended_is_interrupted(traced: Trace, name: str) -> None:
    assert lock_of(traced, name)["interrupted"] == 1


@pytest.mark.accuracy
@pytest.mark.parametrize(("name", "function"), RELEASED.items())
def test_its_releaser_is_charged_with_all_of_it(traced: Trace, name: str, function: str) -> None:
    charged = sum(row["blame_ns"] for row in blame_of(traced, name) if has_function(row, function))
    assert_close(charged, lock_of(traced, name)["wait_ns"], 0.02, f"{name}: blame")


@pytest.mark.parametrize("name", UNRELEASED)
def test_what_nobody_released_is_nobodys_blame(traced: Trace, name: str) -> None:
    (row,) = blame_of(traced, name)
    assert (row["what"], row["blame_ns"]) == ("no release seen", lock_of(traced, name)["wait_ns"])
