"""The long waits and releases of a trace, summed: memory grows with what differs, not with time."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tracer.kernel import records as raw
from tracer.model.kinds import Kind, ReleaseKind
from tracer.model.waits import ReleaseSum, WaitSum
from tracer.resolving import Resolver, Site


class WaitSumKey(NamedTuple):
    """What long waits are summed by."""

    pid: int
    base: int
    kind: Kind
    stack: int
    tid: int
    request: int


class ReleaseSumKey(NamedTuple):
    """What long releases are summed by."""

    pid: int
    word: int
    stack: int
    tid: int
    request: int


@dataclass(slots=True)
class Sum:
    """Counts and ns of one key."""

    number: int = 0
    ns: int = 0
    largest_ns: int = 0

    def add(self, ns: int) -> None:
        self.number += 1
        self.ns += ns
        if ns > self.largest_ns:
            self.largest_ns = ns


@dataclass(slots=True)
class Ledger:
    """Sums by raw ids: what they stand for is looked up once, at the end."""

    waits: dict[WaitSumKey, Sum] = field(default_factory=dict)
    releases: dict[ReleaseSumKey, Sum] = field(default_factory=dict)

    def add_wait(self, event: raw.WaitEvent, site: Site) -> Sum:
        """Returns what it has been added to."""
        key = WaitSumKey(event.pid, site.base, site.kind, event.stack, event.tid, event.request)
        sums = self.waits.setdefault(key, Sum())
        sums.add(event.ended - event.started)
        return sums

    def add_release(self, event: raw.ReleaseEvent) -> None:
        key = ReleaseSumKey(event.pid, event.word, event.stack, event.tid, event.request)
        self.releases.setdefault(key, Sum()).add(event.blame_ns)

    def add_release_total(self, key: raw.ReleaseKey, total: raw.ReleaseTotal) -> None:
        """Releases that the kernel side has summed."""
        ours = ReleaseSumKey(key.pid, key.word, key.stack, key.tid, key.request)
        sums = self.releases.setdefault(ours, Sum())
        sums.number += total.releases
        sums.ns += total.blame_ns

    def wait_sums(self, resolver: Resolver) -> Iterator[WaitSum]:
        for key, sums in self.waits.items():
            yield WaitSum(
                lock=resolver.final_lock(key.pid, key.base),
                kind=key.kind,
                stack=resolver.stack(key.stack),
                thread=resolver.threads[key.pid].thread(key.tid),
                request=resolver.request_name(key.pid, key.request, resolver.stack(key.stack)),
                waits=sums.number,
                wait_ns=sums.ns,
                max_wait_ns=sums.largest_ns,
            )

    def release_sums(self, resolver: Resolver) -> Iterator[ReleaseSum]:
        for key, sums in self.releases.items():
            lock = resolver.final_lock(key.pid, resolver.bases.get((key.pid, key.word), key.word))
            yield ReleaseSum(
                lock=lock,
                what=release_kind(lock.kind),
                stack=resolver.stack(key.stack),
                thread=resolver.threads[key.pid].thread(key.tid),
                request=resolver.request_name(key.pid, key.request, resolver.stack(key.stack)),
                releases=sums.number,
                blame_ns=sums.ns,
            )


def release_kind(kind: Kind) -> ReleaseKind:
    """A condition or a semaphore is not held: who wakes its waiters is a signaller."""
    return ReleaseKind.SIGNAL if kind in (Kind.COND, Kind.SEM, Kind.JOB) else ReleaseKind.RELEASE
