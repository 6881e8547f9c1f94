"""Cycles among owners."""

import random

import pytest

from tracer.deadlocks import find_deadlocks
from tracer.model.kinds import Kind
from tracer.model.locks import Lock, Owner, Thread
from tracer.model.stacks import NO_STACK
from tracer.model.waits import Blocked


def blocked(tid: int, owner: int | None) -> Blocked:
    lock = Lock(1, 0x1000 + tid, Kind.MUTEX, f"lock {tid}", f"lock {tid}")
    held_by = None if owner is None else Owner(owner, f"thread {owner}")
    return Blocked(Thread(1, tid, f"thread {tid}"), lock, Kind.MUTEX, 0, 10, False, held_by, NO_STACK)


def cycles(owners: dict[int, int | None]) -> list[list[int]]:
    waits = [blocked(tid, owner) for tid, owner in owners.items()]
    random.Random(1).shuffle(waits)
    return [[wait.thread.tid for wait in cycle] for cycle in find_deadlocks(waits)]


@pytest.mark.parametrize(
    ("owners", "expected"),
    [
        ({}, []),
        ({5: None}, []),
        ({5: 6}, []),
        ({5: 6, 6: None}, []),
        ({5: 6, 6: 5}, [[5, 6]]),
        ({5: 5}, [[5]]),
        ({7: 9, 9: 8, 8: 7}, [[7, 9, 8]]),
        ({1: 2, 2: 3, 3: 2}, [[2, 3]]),
        ({4: 2, 1: 2, 2: 3, 3: 2, 5: 4}, [[2, 3]]),
        ({1: 9, 9: 1, 3: 4, 4: 3, 5: 6}, [[1, 9], [3, 4]]),
    ],
)
def test_cycles(owners: dict[int, int | None], expected: list[list[int]]) -> None:
    assert cycles(owners) == expected


def test_each_wait_is_followed_by_that_of_its_locks_owner() -> None:
    (cycle,) = find_deadlocks([blocked(1, 3), blocked(2, 1), blocked(3, 2)])
    for wait, following in zip(cycle, cycle[1:] + cycle[:1], strict=True):
        assert wait.owner is not None
        assert wait.owner.tid == following.thread.tid


def test_a_long_chain_without_a_cycle_and_a_long_cycle() -> None:
    count = 20_000
    assert cycles({tid: tid + 1 for tid in range(count)}) == []
    assert cycles({tid: (tid + 1) % count for tid in range(count)}) == [list(range(count))]
