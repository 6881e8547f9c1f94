"""Releases that are held until their lock is known."""

from tracer.holding import HeldReleases
from tracer.kernel.records import ReleaseEvent


def release(pid: int, word: int, time: int) -> ReleaseEvent:
    return ReleaseEvent(0, pid, pid, 1, word, time, 10, 0, 0, 0, b"")


def test_they_come_back_by_word_and_once() -> None:
    held = HeldReleases()
    events = [release(1, 8, 100), release(2, 8, 101), release(1, 8, 102)]
    assert all(held.hold(event) for event in events)
    assert set(held.words) == {(1, 8), (2, 8)}
    assert held.take((1, 8)) == [events[0], events[2]]
    assert not held.take((1, 8))
    assert set(held.words) == {(2, 8)}


def test_no_more_than_the_limit_is_held() -> None:
    held = HeldReleases(limit=2)
    assert [held.hold(release(1, 8, time)) for time in range(4)] == [True, True, False, False]
    assert len(held.take((1, 8))) == 2
    assert held.hold(release(1, 8, 4))
