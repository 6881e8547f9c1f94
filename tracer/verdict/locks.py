"""Sentences about locks: the one that costs most, for whom, where, and what holds it."""

from tracer.model.report import Report
from tracer.model.stacks import NO_STACK
from tracer.model.waits import LockTotal, ReleaseSum
from tracer.output.durations import counted, duration, share
from tracer.output.locks import is_storm, storm_sentence
from tracer.output.names import owner_label, printable, thread_label
from tracer.output.stacks import chain
from tracer.verdict.evidence import (
    NAMED_PART,
    STUCK_NS,
    calls_ns,
    calls_wait_for_locks,
    contended,
    largest,
    locks_matter,
    same,
)

# Frames of a stack that a sentence can carry.
FRAMES = 3


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
    threads = "1 thread was" if len(stuck) == 1 else f"{len(stuck)} threads were"
    return [
        f"At the end {threads} still waiting for a lock, the longest ({thread_label(first.thread)}) "
        f"for {duration(first.waited_ns)} now: it wants {printable(first.lock.name)}{holder}."
    ]


def lock_sentences(report: Report) -> list[str]:
    totals = contended(report)
    if not totals:
        return _no_waits(report)
    if not _worth_blaming(report):
        return [_not_locks(report, totals), *_idle(report)]
    first = totals[0]
    found = (
        _costliest(first, totals),
        _for_whom(report, first),
        _held_by(report, first),
        _where(report, first),
        storm_sentence(first) if is_storm(first) else "",
    )
    return [sentence for sentence in found if sentence]


def _worth_blaming(report: Report) -> bool:
    """Calls, where they are known, say it better than threads: they tell waiting that makes somebody wait."""
    return calls_wait_for_locks(report.requests) if report.requests else locks_matter(report)


def _no_waits(report: Report) -> list[str]:
    calls = report.health.futex_calls
    if not calls:
        return []
    seen = (
        f"no thread waited for one in {duration(report.info.duration_ns)} and {counted(calls, 'futex call')}"
    )
    return [f"Locks are not the problem: {seen}.", *_idle(report)]


def _not_locks(report: Report, totals: list[LockTotal]) -> str:
    if report.requests:
        waited_ns = sum(total.lock_wait_ns for total in report.requests)
        whole_ns = calls_ns(report.requests)
        return (
            f"Locks are not the problem: API calls spent {duration(waited_ns)} of their {duration(whole_ns)} "
            f"({share(waited_ns, whole_ns)}) waiting for one."
        )
    waited_ns = sum(total.wait_ns for total in totals)
    longest_ns = max(total.max_wait_ns for total in totals)
    waits = sum(total.waits for total in totals)
    return (
        f"Locks are not the problem: {counted(waits, 'wait')} in {duration(report.info.duration_ns)} "
        f"took {duration(waited_ns)} in all, the longest {duration(longest_ns)}."
    )


def _idle(report: Report) -> list[str]:
    """Where the threads are instead; calls have a sentence of their own."""
    idle = [total for total in report.locks if not total.lock.kind.contention and total.wait_ns]
    if not idle or report.requests:
        return []
    first = max(idle, key=lambda total: total.wait_ns)
    whole_ns = sum(total.wait_ns for total in idle)
    return [
        f"Threads spent {duration(whole_ns)} idle or waiting to be handed work, "
        f"most of it ({duration(first.wait_ns)}) at {first.lock.kind} {printable(first.lock.name)}."
    ]


def _costliest(first: LockTotal, totals: list[LockTotal]) -> str:
    whole_ns = sum(total.wait_ns for total in totals)
    lock = first.lock
    return (
        f"The {lock.kind} {printable(lock.name)} costs most: {counted(first.waits, 'wait')} took "
        f"{duration(first.wait_ns)}, {share(first.wait_ns, whole_ns)} of all waiting for locks, "
        f"the longest {duration(first.max_wait_ns)}."
    )


def _for_whom(report: Report, first: LockTotal) -> str:
    """The API that waits for it most; where no call is known, the thread."""
    if report.requests:
        api, waited_ns, _ = _waiting_call(report, first)
        return _api_waits(report, api, waited_ns) if waited_ns else ""
    waits = [wait for wait in report.waits if same(wait.lock, first.lock)]
    name, waited_ns, whole_ns = largest((wait.thread.name, wait.wait_ns) for wait in waits)
    if not waited_ns or waited_ns < NAMED_PART * whole_ns:
        return ""
    threads = {wait.thread for wait in waits if wait.thread.name == name}
    who = thread_label(*threads) if len(threads) == 1 else f"{len(threads)} threads named {printable(name)}"
    verb = "waits" if len(threads) == 1 else "wait"
    return f"{who} {verb} for it most, {duration(waited_ns)} ({share(waited_ns, whole_ns)})."


def _waiting_call(report: Report, first: LockTotal) -> tuple[str, int, int]:
    """The API that waits for it most, its time and that of all."""
    return largest(
        (total.api, lock.wait_ns)
        for total in report.requests or ()
        for lock in total.locks
        if lock.identity == first.lock.identity
    )


def _api_waits(report: Report, api: str, waited_ns: int) -> str:
    total = next(total for total in report.requests or () if total.api == api)
    spent_ns = total.total_ns + total.throttled_ns
    return (
        f"It makes {printable(api)} slow: {counted(total.calls, 'call')} waited {duration(waited_ns)} "
        f"for it, {share(waited_ns, spent_ns)} of the {duration(spent_ns)} that they took."
    )


def _where(report: Report, first: LockTotal) -> str:
    sites = [site for site in report.call_sites if same(site.lock, first.lock) and site.stack.frames]
    if not sites:
        return ""
    site = max(sites, key=lambda site: site.wait_ns)
    whole_ns = sum(other.wait_ns for other in sites)
    return (
        f"It is waited for at {chain(site.stack, FRAMES)} ({share(site.wait_ns, whole_ns)} "
        f"of the waits of {duration(report.info.threshold_ns)} or more)."
    )


def _held_by(report: Report, first: LockTotal) -> str:
    """The call that held it, and the place that let it go; each only where it stands for enough."""
    holder = _holding_call(report, first)
    rows = [row for row in report.release_sites if same(row.lock, first.lock)]
    sites = ((_release_place(row), row.blame_ns) for row in rows if row.stack and row.stack.frames)
    place, blame_ns, _ = largest(sites)
    whole_ns = sum(row.blame_ns for row in rows)
    if place and blame_ns >= NAMED_PART * whole_ns:
        released = f"it was let go {place} ({share(blame_ns, whole_ns)} of the blame)"
        return f"{holder}, and {released}." if holder else f"I{released[1:]}."
    return f"{holder}." if holder else _owning_thread(first)


def _release_place(row: ReleaseSum) -> str:
    by = f"by {printable(row.thread.name)} " if row.thread else ""
    return f"{by}at {chain(row.stack or NO_STACK, FRAMES)}"


def _holding_call(report: Report, first: LockTotal) -> str:
    waiting, _, _ = _waiting_call(report, first)
    api, waited_ns, whole_ns = largest(
        (holder.api, holder.wait_ns)
        for total in report.requests or ()
        for holder in total.held_up_by
        if holder.lock == first.lock.name and total.api == waiting
    )
    if not waited_ns or waited_ns < NAMED_PART * whole_ns:
        return ""
    return f"{printable(api)} held it during {duration(waited_ns)} ({share(waited_ns, whole_ns)}) of that"


def _owning_thread(first: LockTotal) -> str:
    owners = ((f"{printable(owner.thread)}/{owner.tid}", owner.wait_ns) for owner in first.owners)
    thread, waited_ns, whole_ns = largest(owners)
    if not waited_ns or waited_ns < NAMED_PART * whole_ns:
        return ""
    return f"{thread} held it most, {share(waited_ns, whole_ns)} of the time."
