"""What a lock is gathered under: itself, its class, its identity, a call site, a thread."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import zip_longest

from tracer.model.locks import Lock
from tracer.model.waits import Blocked, LockTotal, OwnerSum, ReleaseSum, WaitSum
from tracer.options import GroupBy


def group_lock(lock: Lock, group_by: GroupBy) -> Lock:
    """The row that stands for a lock, by class or identity: it has no address of its own."""
    if group_by is GroupBy.CLASS:
        name = lock.class_name or lock.identity
    elif group_by is GroupBy.IDENTITY:
        name = lock.identity
    else:
        return lock
    return replace(lock, address=0, name=name, identity=name)


def group_wait(wait: WaitSum, group_by: GroupBy) -> WaitSum:
    if group_by is GroupBy.SITE:
        return replace(wait, lock=_named(wait.lock, _site(wait)))
    if group_by is GroupBy.THREAD:
        return replace(wait, lock=_named(wait.lock, wait.thread.name))
    return replace(wait, lock=group_lock(wait.lock, group_by))


def _named(lock: Lock, name: str) -> Lock:
    return Lock(lock.pid, 0, lock.kind, name, name)


def _site(wait: WaitSum) -> str:
    """The innermost frame outside of libc, or the innermost of all."""
    frames = wait.stack.frames
    for frame in frames:
        if not frame.module.startswith(("libc.", "libc-", "libpthread", "ld-linux", "ld-")):
            return frame.label
    return frames[0].label if frames else "?"


def group_release(release: ReleaseSum, group_by: GroupBy) -> ReleaseSum:
    return replace(release, lock=group_lock(release.lock, group_by))


def group_blocked(blocked: Blocked, group_by: GroupBy) -> Blocked:
    return replace(blocked, lock=group_lock(blocked.lock, group_by))


def group_totals(totals: Iterable[LockTotal], waits: Iterable[WaitSum], group_by: GroupBy) -> list[LockTotal]:
    """One total a group. By site or thread only waits at or above the threshold are known."""
    if group_by in (GroupBy.SITE, GroupBy.THREAD):
        return _merged(_from_sum(wait) for wait in waits)
    return _merged(replace(total, lock=group_lock(total.lock, group_by)) for total in totals)


def _from_sum(wait: WaitSum) -> LockTotal:
    return LockTotal(
        wait.lock,
        wait.waits,
        wait.wait_ns,
        wait.max_wait_ns,
        long_waits=wait.waits,
        long_wait_ns=wait.wait_ns,
    )


def _merged(totals: Iterable[LockTotal]) -> list[LockTotal]:
    by_lock: dict[Lock, LockTotal] = {}
    for total in totals:
        before = by_lock.get(total.lock)
        by_lock[total.lock] = total if before is None else merge_totals(before, total)
    return list(by_lock.values())


def merge_totals(one: LockTotal, other: LockTotal) -> LockTotal:
    """The sum of two totals, under the first one's lock."""
    known = [total.acquisitions for total in (one, other) if total.acquisitions is not None]
    return LockTotal(
        one.lock,
        one.waits + other.waits,
        one.wait_ns + other.wait_ns,
        max(one.max_wait_ns, other.max_wait_ns),
        one.sleeps + other.sleeps,
        one.timeouts + other.timeouts,
        one.interrupted + other.interrupted,
        one.long_waits + other.long_waits,
        one.long_wait_ns + other.long_wait_ns,
        one.unfinished + other.unfinished,
        one.unfinished_ns + other.unfinished_ns,
        one.eagain + other.eagain,
        sum(known) if known else None,
        one.acquisitions_estimated or other.acquisitions_estimated,
        one.acquisitions_saturated or other.acquisitions_saturated,
        merge_histograms(one.histogram, other.histogram),
        merge_owners((*one.owners, *other.owners)),
    )


def merge_histograms(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    if not one or not other:
        return one or other
    return tuple(a + b for a, b in zip_longest(one, other, fillvalue=0))


def merge_owners(owners: Iterable[OwnerSum]) -> tuple[OwnerSum, ...]:
    """One sum a thread, by waiting time."""
    by_tid: dict[int, OwnerSum] = {}
    for owner in owners:
        before = by_tid.get(owner.tid)
        if before is not None:
            owner = OwnerSum(
                owner.tid,
                owner.thread,
                before.waits + owner.waits,
                before.wait_ns + owner.wait_ns,
                before.confirmed + owner.confirmed,
            )
        by_tid[owner.tid] = owner
    return tuple(sorted(by_tid.values(), key=lambda owner: -owner.wait_ns))
