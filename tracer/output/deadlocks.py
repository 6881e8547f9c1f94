"""Threads that wait for each other, in words."""

from collections.abc import Sequence

from tracer.model.waits import Blocked
from tracer.output.names import owner_label, printable, thread_label


def deadlock_sentence(cycle: Sequence[Blocked]) -> str:
    """`Deadlock: A/1 waits for mutex X, held by B/2, which waits for mutex Y, held by A/1.`

    `cycle`: blocked threads, each waiting for a lock that another of them owns, in any order.
    """
    ordered = _in_order(cycle)
    steps = [
        f"{blocked.kind} {printable(blocked.lock.name)}, held by {owner_label(blocked.owner)}"
        for blocked in ordered
        if blocked.owner is not None
    ]
    return f"Deadlock: {thread_label(ordered[0].thread)} waits for {', which waits for '.join(steps)}."


def _in_order(cycle: Sequence[Blocked]) -> list[Blocked]:
    by_tid = {blocked.thread.tid: blocked for blocked in cycle}
    ordered = [cycle[0]]
    while (owner := ordered[-1].owner) is not None and owner.tid in by_tid and len(ordered) < len(cycle):
        ordered.append(by_tid[owner.tid])
    return ordered
