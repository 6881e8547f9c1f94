"""The fold: sums of waits and releases, and the totals of locks, into a report. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from tracer.deadlocks import find_deadlocks
from tracer.grouping import group_blocked, group_release, group_totals, group_wait
from tracer.model.kinds import Kind
from tracer.model.locks import Lock, Thread
from tracer.model.report import CallSite, Health, Report, ThreadTotal, TraceInfo
from tracer.model.requests import RequestTotal
from tracer.model.stacks import Stack
from tracer.model.waits import Blocked, LockTotal, ReleaseSum, WaitSum
from tracer.options import Filters


def fold(
    info: TraceInfo,
    waits: Iterable[WaitSum],
    releases: Iterable[ReleaseSum],
    totals: Iterable[LockTotal],
    blocked: Iterable[Blocked],
    requests: tuple[RequestTotal, ...] | None,
    health: Health,
    filters: Filters,
) -> Report:
    """`locks` is whole, whatever the filters; every list is in the order of its waiting time."""
    still = tuple(blocked)
    grouped = [group_wait(wait, filters.group_by) for wait in waits]
    chosen = [wait for wait in grouped if filters.accepts(wait.lock, wait.kind)]
    waiting = tuple(group_blocked(wait, filters.group_by) for wait in still)
    return Report(
        info=info,
        locks=_locks(group_totals(totals, grouped, filters.group_by), waiting),
        call_sites=_call_sites(chosen),
        release_sites=_release_sites(releases, filters),
        threads=_threads(chosen),
        waiting=tuple(sorted(waiting, key=lambda wait: -wait.waited_ns)),
        deadlocks=find_deadlocks(list(still)),
        requests=requests,
        health=health,
        waits=tuple(chosen),
    )


def _locks(totals: Iterable[LockTotal], waiting: Iterable[Blocked]) -> tuple[LockTotal, ...]:
    """With the waits that have not ended, which may be all that a lock has."""
    by_lock = {(total.lock.pid, total.lock.address, total.lock.name): total for total in totals}
    for wait in waiting:
        key = (wait.lock.pid, wait.lock.address, wait.lock.name)
        total = by_lock.get(key, LockTotal(wait.lock))
        by_lock[key] = replace(
            total, unfinished=total.unfinished + 1, unfinished_ns=total.unfinished_ns + wait.waited_ns
        )
    return tuple(sorted(by_lock.values(), key=lambda total: -(total.wait_ns + total.unfinished_ns)))


def _call_sites(waits: Iterable[WaitSum]) -> tuple[CallSite, ...]:
    sites: dict[tuple[Lock, Kind, Stack], CallSite] = {}
    for wait in waits:
        key = (wait.lock, wait.kind, wait.stack)
        site = sites.get(key)
        if site is None:
            sites[key] = CallSite(*key, wait.waits, wait.wait_ns, wait.max_wait_ns)
        else:
            sites[key] = CallSite(
                *key,
                site.waits + wait.waits,
                site.wait_ns + wait.wait_ns,
                max(site.max_wait_ns, wait.max_wait_ns),
            )
    return tuple(sorted(sites.values(), key=lambda site: -site.wait_ns))


def _release_sites(releases: Iterable[ReleaseSum], filters: Filters) -> tuple[ReleaseSum, ...]:
    grouped = (group_release(release, filters.group_by) for release in releases)
    chosen = [release for release in grouped if filters.accepts_releases(release.lock)]
    return tuple(sorted(chosen, key=lambda release: -release.blame_ns))


def _threads(waits: Iterable[WaitSum]) -> tuple[ThreadTotal, ...]:
    """Of contention only: an idle thread's waiting says nothing of it."""
    threads: dict[tuple[int, int], ThreadTotal] = {}
    for wait in waits:
        if not wait.kind.contention:
            continue
        key = (wait.thread.pid, wait.thread.tid)
        before = threads.get(key, ThreadTotal(wait.thread, 0, 0))
        thread: Thread = before.thread
        threads[key] = ThreadTotal(thread, before.waits + wait.waits, before.wait_ns + wait.wait_ns)
    return tuple(sorted(threads.values(), key=lambda total: -total.wait_ns))
