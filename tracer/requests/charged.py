"""The kernel's sums of waits, by the call that each was for."""

from collections.abc import Callable, Iterator, Mapping

from tracer.kernel import records as raw
from tracer.model.requests import RequestOwner, RequestWait
from tracer.model.waits import LockTotal
from tracer.resolving import Resolver
from tracer.totals import LockKey, way_of

Name = Callable[[int, int], str]


def charged_waits(
    resolver: Resolver,
    sums: Mapping[raw.WaitKey, raw.WaitTotal],
    locks: Mapping[LockKey, LockTotal],
    waiting: Mapping[tuple[str, LockKey], int],
    name: Name,
) -> list[RequestWait]:
    """Waits of every length on behalf of a call, by API, lock and sort of waiting.

    `waiting`: how many calls had a long one.
    """
    found: dict[tuple[str, LockKey, bool], int] = {}
    for key, total in sums.items():
        if not key.request:
            continue
        site = resolver.site(way_of(key), total.stack)
        group = (name(key.pid, key.request), (key.pid, site.base), site.kind.contention)
        found[group] = found.get(group, 0) + total.wait_ns
    return [
        RequestWait(api, locks[lock].lock, contention, ns, waiting.get((api, lock), 0))
        for (api, lock, contention), ns in found.items()
        if lock in locks
    ]


def charged_owners(
    resolver: Resolver,
    sums: Mapping[raw.OwnerKey, raw.OwnerTotal],
    locks: Mapping[LockKey, LockTotal],
    name: Name,
) -> Iterator[RequestOwner]:
    """Waits on behalf of one call that began while another held the lock."""
    for key, total in sums.items():
        lock = locks.get((key.pid, resolver.bases.get((key.pid, key.word), key.word)))
        if key.request and key.owner_request and lock is not None:
            api, owner = name(key.pid, key.request), name(key.pid, key.owner_request)
            yield RequestOwner(api, owner, lock.lock, total.wait_ns)
