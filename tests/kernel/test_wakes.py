"""Whom waits are charged to that are interrupted, or that another word's release ends."""

from collections.abc import Iterator

import pytest
from harness import Build, Program, Trace, trace
from truth import assert_close, has_function, locks_of, sum_locks

INTERRUPTED = ("interrupted", "given up")
WOKEN = ("one", "other", "skipped", "awaited")
MOVED = ("requeue", "cmp_requeue", "pi", "futex2")
STEPS = (
    *("let_go", "wake_both", "wake_first_only", "wake_at_last"),
    *("move_all", "wake_newcomer", "wake_moved", "wake_again"),
)


@pytest.fixture(scope="module")
def traced(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trace]:
    with Program([build("wakes.c")]) as program:
        yield trace(program, tmp_path_factory.mktemp("wakes"), "--threshold", "1ms", "--kinds", "all")


def moved(traced: Trace, word: str) -> bool:
    """Linux before 6.7 has no futex_requeue(2)."""
    return bool(traced.program["before_ns"][word])


def charged(traced: Trace, word: str) -> dict[str, int]:
    """The word's blame in ns by the function that released it, or else by the sort of row."""
    addresses = {lock["address"] for lock in locks_of(traced, word)}
    found: dict[str, int] = {}
    for row in traced.report["release_sites"]:
        if row["lock"] in addresses:
            step = next((step for step in STEPS if has_function(row, step)), row["what"])
            found[step] = found.get(step, 0) + row["blame_ns"]
    return found


@pytest.mark.parametrize("word", [*INTERRUPTED, *WOKEN, *MOVED])
def test_the_rows_add_up_to_the_ended_waits(traced: Trace, word: str) -> None:
    found = sum_locks(locks_of(traced, word))
    assert_close(sum(charged(traced, word).values()), found.total_ns, 0.005, f"{word}: blame")


@pytest.mark.accuracy
def test_a_wait_that_went_on_after_signals_is_charged_whole(traced: Trace) -> None:
    (lock,) = locks_of(traced, "interrupted")
    assert lock["waits"] == 1
    assert_close(charged(traced, "interrupted")["let_go"], lock["wait_ns"], 0.1, "blame of the release")


def test_a_wait_that_a_signal_ended_is_nobodys_blame(traced: Trace) -> None:
    (lock,) = locks_of(traced, "given up")
    assert lock["interrupted"] == 1
    assert charged(traced, "given up") == {"no release seen": lock["wait_ns"]}


@pytest.mark.accuracy
@pytest.mark.parametrize(("word", "step"), [("one", "wake_both"), ("other", "wake_both")])
def test_a_wake_of_two_words_is_charged_for_both(traced: Trace, word: str, step: str) -> None:
    (lock,) = locks_of(traced, word)
    assert_close(charged(traced, word)[step], lock["wait_ns"], 0.1, f"{word}: blame of {step}")


@pytest.mark.accuracy
def test_the_second_word_is_not_charged_where_it_is_not_woken(traced: Trace) -> None:
    (skipped,), (awaited,) = locks_of(traced, "skipped"), locks_of(traced, "awaited")
    assert_close(charged(traced, "skipped")["wake_first_only"], skipped["wait_ns"], 0.1, "skipped")
    found = charged(traced, "awaited")
    assert set(found) <= {"wake_at_last", "no release seen"}
    assert_close(found["wake_at_last"], awaited["wait_ns"], 0.1, "awaited")


@pytest.mark.parametrize("word", MOVED)
def test_who_wakes_a_word_is_not_charged_with_waiters_that_were_moved_away(traced: Trace, word: str) -> None:
    if not moved(traced, word):
        assert not locks_of(traced, word)
        return
    (lock,) = locks_of(traced, word)
    assert lock["waits"] == (4 if word == "pi" else 5)
    assert set(charged(traced, word)) == {"move_all", "wake_again", "no release seen"}


@pytest.mark.accuracy
@pytest.mark.parametrize("word", MOVED)
def test_the_move_is_charged_with_the_waiting_before_it(traced: Trace, word: str) -> None:
    before = traced.program["before_ns"][word]
    assert_close(charged(traced, word).get("move_all", 0), before, 0.1, f"{word}: blame")


def test_a_moved_waiter_waits_for_the_word_that_it_began_with(traced: Trace) -> None:
    ours = {lock["address"] for word in (*WOKEN, *MOVED) for lock in locks_of(traced, word)}
    others = [lock for lock in traced.report["locks"] if lock["kind"] == "other" and lock["long_waits"]]
    assert {lock["address"] for lock in others} == ours
