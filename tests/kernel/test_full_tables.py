"""More locks and stacks than the kernel side has room for: counted, shown, and the rest is right."""

from collections.abc import Iterator

import pytest
from harness import Build, Program, Trace, trace
from truth import assert_close, locks_of, of_program, sum_locks

WORDS, ROOM_FOR_WORDS = 72_000, 1 << 16
STACKS, ROOM_FOR_STACKS = 40_000, 1 << 15
WORD_BYTES = 4


@pytest.fixture(scope="module")
def words(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trace]:
    with Program([build("flood.c"), "words", str(WORDS)]) as program:
        yield trace(program, tmp_path_factory.mktemp("words"), "--threshold", "100us", "--kinds", "all")


@pytest.fixture(scope="module")
def stacks(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trace]:
    with Program([build("flood.c"), "stacks", str(STACKS)]) as program:
        yield trace(program, tmp_path_factory.mktemp("stacks"), "--threshold", "0", "--kinds", "all")


def flooded(found: Trace) -> list[int]:
    """The waits of each lock among the program's words."""
    first = found.program["words"]
    end = first + WORD_BYTES * WORDS
    return [lock["waits"] for lock in found.report["locks"] if first <= int(lock["address"], 16) < end]


def test_words_without_room_are_counted(words: Trace) -> None:
    kept, lost = sum(flooded(words)), words.report["health"]["waits_lost"]
    assert ROOM_FOR_WORDS * 0.9 < kept <= ROOM_FOR_WORDS
    # The program's end waits for its two threads, too.
    assert 0 <= lost - (words.program["waits"] - kept) <= 2


def test_stacks_without_room_are_counted(stacks: Trace) -> None:
    assert sum(flooded(stacks)) == stacks.program["waits"]
    assert stacks.report["health"]["stacks_lost"] >= stacks.program["waits"] - ROOM_FOR_STACKS


@pytest.mark.parametrize("flood", ["words", "stacks"])
def test_the_loss_is_said_aloud(flood: str, request: pytest.FixtureRequest) -> None:
    assert "LOST: " in request.getfixturevalue(flood).outcome.stdout


@pytest.mark.accuracy
@pytest.mark.parametrize("flood", ["words", "stacks"])
def test_a_lock_that_was_there_before_is_right(flood: str, request: pytest.FixtureRequest) -> None:
    found = request.getfixturevalue(flood)
    own, ours = of_program(found, "mutex"), sum_locks(locks_of(found, "mutex"))
    assert own.waits > 100
    if flood == "words":
        assert_close(ours.waits, own.waits, 0.01, "waits", slack=2)
        assert_close(ours.wait_ns, own.wait_ns, 0.01, "ns")
    else:
        assert_close(ours.total_ns, own.total_ns, 0.01, "ns of all waits")
