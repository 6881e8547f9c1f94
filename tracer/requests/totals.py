"""The fold: calls, and what their threads waited for, into one total an API. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tracer.model.requests import CallSum, HeldUpBy, RequestLock, RequestOwner, RequestTotal, RequestWait


@dataclass(slots=True)
class Waits:
    """What calls of one API waited for, by lock."""

    lock_ns: int = 0
    cond_ns: int = 0
    locks: dict[str, RequestLock] = field(default_factory=dict)
    holders: dict[tuple[str, str], HeldUpBy] = field(default_factory=dict)

    def add(self, wait: RequestWait) -> None:
        if not wait.contention:
            self.cond_ns += wait.wait_ns
            return
        self.lock_ns += wait.wait_ns
        identity = wait.lock.identity
        before = self.locks.get(identity, RequestLock(wait.lock.name, identity, 0, 0))
        self.locks[identity] = RequestLock(
            before.lock, identity, before.wait_ns + wait.wait_ns, before.calls + wait.calls
        )

    def add_owner(self, owner: RequestOwner) -> None:
        key = (owner.owner_api, owner.lock.identity)
        before = self.holders.get(key, HeldUpBy(owner.owner_api, owner.lock.name, 0))
        self.holders[key] = HeldUpBy(before.api, before.lock, before.wait_ns + owner.wait_ns)


def totals(
    calls: Iterable[CallSum], waits: Iterable[RequestWait], owners: Iterable[RequestOwner], scheduled: bool
) -> tuple[RequestTotal, ...]:
    """One total an API, the longest served first. `scheduled`: the calls carry scheduler data."""
    by_api: dict[str, Waits] = defaultdict(Waits)
    for wait in waits:
        by_api[wait.api].add(wait)
    for owner in owners:
        by_api[owner.api].add_owner(owner)
    found = [_total(call, by_api.pop(call.api, Waits()), scheduled) for call in calls]
    found += [_total(_no_calls(api), rest, scheduled) for api, rest in by_api.items()]
    return tuple(sorted(found, key=lambda total: -(total.total_ns + total.throttled_ns)))


def _no_calls(api: str) -> CallSum:
    """An API none of whose calls has ended, yet some have waited."""
    return CallSum(api, 0, 0, 0, 0, 0, 0, 0, 0)


def _total(calls: CallSum, waits: Waits, scheduled: bool) -> RequestTotal:
    served = calls.total_ns - calls.queued_ns
    lock_ns, cond_ns = _within(served, waits) if calls.calls else (waits.lock_ns, waits.cond_ns)
    other = max(served - lock_ns - cond_ns, 0)
    cpu, run_queue, blocked = _split(other, calls) if scheduled else (None, None, None)
    return RequestTotal(
        api=calls.api,
        calls=calls.calls,
        errors=calls.errors,
        p50_ns=calls.p50_ns,
        p90_ns=calls.p90_ns,
        max_ns=calls.max_ns,
        total_ns=calls.total_ns or lock_ns + cond_ns,
        queued_ns=calls.queued_ns,
        throttled_ns=calls.throttled_ns,
        lock_wait_ns=lock_ns,
        cond_wait_ns=cond_ns,
        other_ns=other,
        cpu_ns=cpu,
        runqueue_ns=run_queue,
        blocked_ns=blocked,
        locks=_ordered_locks(list(waits.locks.values())),
        held_up_by=tuple(sorted(waits.holders.values(), key=lambda holder: -holder.wait_ns)),
    )


def _within(served: int, waits: Waits) -> tuple[int, int]:
    """Lock and condition waits of ended calls. Calls that have not ended, or began before the trace, wait
    too: what does not fit into the ended ones is theirs, and taken from the longer sort of waits."""
    excess = max(waits.lock_ns + waits.cond_ns - served, 0)
    if waits.cond_ns >= waits.lock_ns:
        from_cond = min(excess, waits.cond_ns)
        return waits.lock_ns - (excess - from_cond), waits.cond_ns - from_cond
    from_lock = min(excess, waits.lock_ns)
    return waits.lock_ns - from_lock, waits.cond_ns - (excess - from_lock)


def _split(other: int, calls: CallSum) -> tuple[int, int, int]:
    """(CPU, run queue, blocked elsewhere): ns that add up to `other`."""
    off_cpu = min(calls.off_cpu_ns, other)
    run_queue = min(calls.run_queue_ns, off_cpu)
    return other - off_cpu, run_queue, off_cpu - run_queue


def _ordered_locks(locks: Sequence[RequestLock]) -> tuple[RequestLock, ...]:
    return tuple(sorted(locks, key=lambda lock: -lock.wait_ns))
