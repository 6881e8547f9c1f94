"""Deadlocks: threads that wait for each other in a circle."""

from collections.abc import Sequence

from tracer.model.waits import Blocked

Waiter = tuple[int, int]  # pid, tid


def find_deadlocks(blocked: Sequence[Blocked]) -> tuple[tuple[Blocked, ...], ...]:
    """Every circle of threads of which each waits for a lock that the next one owns, each circle once.

    A thread waits for one lock, which has one owner: from each thread there is one way to go on.
    """
    waits = {(wait.thread.pid, wait.thread.tid): wait for wait in blocked}
    cycles: list[tuple[Blocked, ...]] = []
    seen: set[Waiter] = set()
    for start in waits:
        path: list[Waiter] = []
        at: Waiter | None = start
        while at is not None and at in waits and at not in seen:
            seen.add(at)
            path.append(at)
            at = _owner(waits[at])
        if at in path:
            cycles.append(tuple(waits[waiter] for waiter in path[path.index(at) :]))
    return tuple(cycles)


def _owner(wait: Blocked) -> Waiter | None:
    return (wait.thread.pid, wait.owner.tid) if wait.owner is not None else None
