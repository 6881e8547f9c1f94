"""Sentences about what had not ended when the trace did."""

from tracer.model.report import Report
from tracer.output.durations import duration
from tracer.output.names import owner_label, printable, thread_label
from tracer.verdict.evidence import STUCK_NS


def stuck_sentences(report: Report) -> list[str]:
    """Threads that still wait for a lock at the end, unless a deadlock has said so already."""
    dead = {(blocked.thread.pid, blocked.thread.tid) for cycle in report.deadlocks for blocked in cycle}
    stuck = [
        blocked
        for blocked in report.waiting
        if blocked.kind.contention
        and blocked.waited_ns >= STUCK_NS
        and (blocked.thread.pid, blocked.thread.tid) not in dead
    ]
    if not stuck:
        return []
    first = max(stuck, key=lambda blocked: blocked.waited_ns)
    holder = f", held by {owner_label(first.owner)}" if first.owner else ""
    threads = "1 thread was" if len(stuck) == 1 else f"{len(stuck):,} threads were"
    return [
        f"At the end {threads} still waiting for a lock, the longest ({thread_label(first.thread)}) "
        f"for {duration(first.waited_ns)} now: it wants {printable(first.lock.name)}{holder}."
    ]
