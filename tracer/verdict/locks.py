"""Sentences about locks: the one that costs most, for whom, what holds it, and where it is waited for."""

from tracer.model.report import Report
from tracer.model.stacks import NO_STACK
from tracer.model.waits import ReleaseSum
from tracer.output.durations import counted, duration, share
from tracer.output.locks import is_storm, storm_sentence
from tracer.output.names import printable, thread_label
from tracer.output.stacks import chain
from tracer.verdict.evidence import NAMED_PART, TOLD_PART, calls_ns, largest, locks_matter
from tracer.verdict.groups import LockGroup, contended_groups

# Frames of a stack that a sentence can carry.
FRAMES = 3


def lock_sentences(report: Report) -> list[str]:
    groups = contended_groups(report)
    if not groups:
        return _no_waits(report)
    first = groups[0]
    if not locks_matter(report):
        return [_not_locks(report, groups), *_small_wait(report, first), *_idle(report)]
    found = (
        _costliest(report, groups),
        _for_whom(report, first),
        _held_by(report, first),
        _where(report, first),
        *(storm_sentence(total) for total in first.totals[:1] if is_storm(total)),
    )
    return [sentence for sentence in found if sentence]


def _no_waits(report: Report) -> list[str]:
    calls = report.health.futex_calls
    if not calls:
        return []
    seen = f"in {duration(report.info.duration_ns)} and {counted(calls, 'futex call')}"
    return [f"Locks are not the problem: no thread waited for one {seen}.", *_idle(report)]


def _not_locks(report: Report, groups: list[LockGroup]) -> str:
    first = groups[0].words
    if report.requests:
        waited_ns = sum(total.lock_wait_ns for total in report.requests)
        whole_ns = calls_ns(report.requests)
        which = f", first among them {first}" if waited_ns else ""
        return (
            f"Locks are not the problem: API calls waited {duration(waited_ns)} "
            f"of their {duration(whole_ns)} ({share(waited_ns, whole_ns)}) for locks{which}."
        )
    waits = sum(group.waits for group in groups)
    waited_ns = sum(group.wait_ns for group in groups)
    longest_ns = max(group.max_wait_ns for group in groups)
    return (
        f"Locks are not the problem: {counted(waits, 'wait')} in {duration(report.info.duration_ns)} took "
        f"{duration(waited_ns)} in all, first among them those for {first}; "
        f"the longest took {duration(longest_ns)}."
    )


def _small_wait(report: Report, first: LockGroup) -> list[str]:
    """Whom a lock that is not the problem delays, if only a little."""
    api, waited_ns, _ = _waiting_call(report, first)
    total = next((total for total in report.requests or () if total.api == api), None)
    if total is None or waited_ns < TOLD_PART * total.total_ns or not waited_ns:
        return []
    holder, during = _holding_call(report, first)
    held = f", held by {printable(holder)} during {during} of that" if holder else ""
    return [f"{printable(api)} waited {duration(waited_ns)} for {first.words}{held}."]


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


def _costliest(report: Report, groups: list[LockGroup]) -> str:
    first = groups[0]
    whole_ns = sum(group.wait_ns for group in groups)
    many = len(first.totals) > 1
    cost = f"cost{'' if many else 's'} {'API calls ' if report.requests else ''}most"
    return (
        f"The {first.words} {cost}: {counted(first.waits, 'wait')} took "
        f"{duration(first.wait_ns)}, {share(first.wait_ns, whole_ns)} of all waiting for locks, "
        f"the longest {duration(first.max_wait_ns)}."
    )


def _for_whom(report: Report, first: LockGroup) -> str:
    """The API that waits for it most; where no call is known, the thread."""
    if report.requests:
        api, waited_ns, _ = _waiting_call(report, first)
        return _api_waits(report, api, waited_ns) if waited_ns else ""
    waits = [wait for wait in report.waits if first.has(wait.lock)]
    name, waited_ns, whole_ns = largest((wait.thread.name, wait.wait_ns) for wait in waits)
    if not waited_ns or waited_ns < NAMED_PART * whole_ns:
        return ""
    threads = {wait.thread for wait in waits if wait.thread.name == name}
    who = thread_label(*threads) if len(threads) == 1 else f"{len(threads)} threads named {printable(name)}"
    verb = "waits" if len(threads) == 1 else "wait"
    return f"{who} {verb} for it most, {duration(waited_ns)} ({share(waited_ns, whole_ns)})."


def _waiting_call(report: Report, first: LockGroup) -> tuple[str, int, int]:
    """The API that waits for it most, its time and that of all."""
    return largest(
        (total.api, lock.wait_ns)
        for total in report.requests or ()
        for lock in total.locks
        if lock.identity == first.first.identity
    )


def _api_waits(report: Report, api: str, waited_ns: int) -> str:
    total = next(total for total in report.requests or () if total.api == api)
    spent_ns = total.total_ns + total.throttled_ns
    return (
        f"It makes {printable(api)} slow: {counted(total.calls, 'call')} waited {duration(waited_ns)} "
        f"for it, {share(waited_ns, spent_ns)} of the {duration(spent_ns)} that they took."
    )


def _held_by(report: Report, first: LockGroup) -> str:
    """The call that held it, and the place that let it go; each only where it stands for enough."""
    api, held = _holding_call(report, first)
    holder = f"{printable(api)} held it during {held} of that" if api else ""
    rows = [row for row in report.release_sites if first.has(row.lock)]
    sites = ((_release_place(row), row.blame_ns) for row in rows if row.stack and row.stack.frames)
    place, blame_ns, _ = largest(sites)
    whole_ns = sum(row.blame_ns for row in rows)
    if place and blame_ns >= NAMED_PART * whole_ns:
        released = f"t was let go {place} ({share(blame_ns, whole_ns)} of the blame)"
        return f"{holder}, and i{released}." if holder else f"I{released}."
    return f"{holder}." if holder else _owning_thread(first)


def _release_place(row: ReleaseSum) -> str:
    by = f"by {printable(row.thread.name)} " if row.thread else ""
    return f"{by}at {chain(row.stack or NO_STACK, FRAMES)}"


def _holding_call(report: Report, first: LockGroup) -> tuple[str, str]:
    """The API that held it while the API that waits for it most waited, and for how long; or nothing."""
    waiting, _, _ = _waiting_call(report, first)
    api, waited_ns, whole_ns = largest(
        (holder.api, holder.wait_ns)
        for total in report.requests or ()
        for holder in total.held_up_by
        if total.api == waiting and first.is_called(holder.lock)
    )
    if not waited_ns or waited_ns < NAMED_PART * whole_ns:
        return ("", "")
    return (api, f"{duration(waited_ns)} ({share(waited_ns, whole_ns)})")


def _owning_thread(first: LockGroup) -> str:
    owners = (
        (f"{printable(owner.thread)}/{owner.tid}", owner.wait_ns)
        for total in first.totals
        for owner in total.owners
    )
    thread, waited_ns, whole_ns = largest(owners)
    if not waited_ns or waited_ns < NAMED_PART * whole_ns:
        return ""
    return f"{thread} held it most, {share(waited_ns, whole_ns)} of the time."


def _where(report: Report, first: LockGroup) -> str:
    sites = [site for site in report.call_sites if first.has(site.lock) and site.stack.frames]
    place, waited_ns, whole_ns = largest((chain(site.stack, FRAMES), site.wait_ns) for site in sites)
    if not waited_ns or waited_ns < NAMED_PART * whole_ns:
        return ""
    return (
        f"It is waited for at {place} ({share(waited_ns, whole_ns)} "
        f"of the waits of {duration(report.info.threshold_ns)} or more)."
    )
