"""Threads that wait for each other: cycles of owners. Pure."""

from collections.abc import Sequence

from tracer.model.waits import Blocked


def find_deadlocks(waits: Sequence[Blocked]) -> tuple[tuple[Blocked, ...], ...]:
    """The cycles among waits for locks whose owner waits as well.

    Each cycle begins with its lowest tid, and each of its waits is followed by the owner's; a thread that
    waits for what it holds itself is a cycle of one. Cycles are in the order of their first tid.
    """
    by_thread = {wait.thread.tid: wait for wait in waits}
    cycles = []
    settled: set[int] = set()
    for tid in sorted(by_thread):
        path = _follow(tid, by_thread, settled)
        settled.update(path)
        cycles.extend(_cycle(path, by_thread))
    return tuple(sorted(cycles, key=lambda cycle: cycle[0].thread.tid))


def _follow(tid: int, by_thread: dict[int, Blocked], settled: set[int]) -> list[int]:
    """From owner to owner, up to one that does not wait, or that has been seen."""
    path: dict[int, None] = {}
    following: int | None = tid
    while following in by_thread and following not in settled and following not in path:
        path[following] = None
        following = _owner(by_thread[following])
    return list(path)


def _cycle(path: list[int], by_thread: dict[int, Blocked]) -> list[tuple[Blocked, ...]]:
    """The cycle that a path ends in, if it does."""
    last = _owner(by_thread[path[-1]]) if path else None
    if last not in path:
        return []
    cycle = path[path.index(last) :]
    start = cycle.index(min(cycle))
    return [tuple(by_thread[tid] for tid in cycle[start:] + cycle[:start])]


def _owner(wait: Blocked) -> int | None:
    return wait.owner.tid if wait.owner else None
