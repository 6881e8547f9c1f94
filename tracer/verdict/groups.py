"""Locks that a sentence speaks of as one: all that share an identity, as the domains of a daemon do."""

from collections import defaultdict
from dataclasses import dataclass

from tracer.model.kinds import Kind
from tracer.model.locks import Lock
from tracer.model.report import Report
from tracer.model.waits import LockTotal
from tracer.output.names import printable


@dataclass(frozen=True, slots=True)
class LockGroup:
    """Locks of one process and identity, the costliest first."""

    totals: tuple[LockTotal, ...]

    @property
    def first(self) -> Lock:
        return self.totals[0].lock

    @property
    def kind(self) -> Kind:
        return self.first.kind

    @property
    def waits(self) -> int:
        return sum(total.waits for total in self.totals)

    @property
    def wait_ns(self) -> int:
        return sum(total.wait_ns for total in self.totals)

    @property
    def max_wait_ns(self) -> int:
        return max(total.max_wait_ns for total in self.totals)

    @property
    def words(self) -> str:
        """`mutex ledger`, or `28 mutexes virDomainObj`."""
        if len(self.totals) == 1:
            return f"{self.kind} {printable(self.first.name)}"
        plural = "mutexes" if self.kind is Kind.MUTEX else f"{self.kind}s"
        return f"{len(self.totals)} {plural} {printable(self.first.class_name or self.first.identity)}"

    def has(self, lock: Lock) -> bool:
        """The lock is one of them, or stands for them."""
        if (lock.pid, lock.identity) == (self.first.pid, self.first.identity):
            return True
        return any(lock.address and lock.address == total.lock.address for total in self.totals)

    def is_called(self, name: str) -> bool:
        return name == self.first.identity or any(name == total.lock.name for total in self.totals)


def contended_groups(report: Report) -> list[LockGroup]:
    """What was waited for: first what API calls, or else threads, waited for longest."""
    members: defaultdict[tuple[int, str, Kind], list[LockTotal]] = defaultdict(list)
    for total in report.locks:
        if total.lock.kind.contention and total.waits:
            members[total.lock.pid, total.lock.identity, total.lock.kind].append(total)
    groups = [
        LockGroup(tuple(sorted(totals, key=lambda total: -total.wait_ns))) for totals in members.values()
    ]
    by_identity: defaultdict[str, int] = defaultdict(int)
    for request in report.requests or ():
        for lock in request.locks:
            by_identity[lock.identity] += lock.wait_ns
    return sorted(groups, key=lambda group: (-by_identity[group.first.identity], -group.wait_ns))
