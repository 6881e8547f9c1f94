"""Served calls, summed as they end, and how many of them waited for which lock."""

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from tracer.kernel.records import CallEvent, WaitEvent
from tracer.model.requests import CallSum
from tracer.requests.latency import Latencies

LockKey = tuple[int, int]  # pid, base address
Request = tuple[int, int]  # pid, and a call's number there


@dataclass(slots=True)
class EndedCalls:
    """All ended calls of one API: ns."""

    latencies: Latencies = field(default_factory=Latencies)
    errors: int = 0
    queued_ns: int = 0
    off_cpu_ns: int = 0
    run_queue_ns: int = 0

    def add(self, event: CallEvent) -> None:
        self.latencies.add(event.replied - event.received)
        self.errors += event.failed
        self.queued_ns += event.dispatched - event.received
        self.off_cpu_ns += event.off_cpu
        self.run_queue_ns += event.run_queue

    def merge(self, other: "EndedCalls") -> None:
        self.latencies.merge(other.latencies)
        self.errors += other.errors
        self.queued_ns += other.queued_ns
        self.off_cpu_ns += other.off_cpu_ns
        self.run_queue_ns += other.run_queue_ns


class WaitingKey(NamedTuple):
    """What calls that wait are counted by."""

    pid: int
    tid: int
    request: int
    base: int


@dataclass(slots=True)
class WaitingCalls:
    """Calls of one thread that had a long wait for one lock. `last`: when the last of them was dispatched."""

    calls: int = 0
    last: int = 0

    def add(self, call: int) -> None:
        """A long wait has ended. `call`: when the one was dispatched that it began in; 0: in none, or in one
        from before the trace. A thread's waits are told in their order."""
        if call and call != self.last:
            self.last = call
            self.calls += 1


class Calls:
    """Every call that was seen from its arrival to its reply, and the locks that calls waited for."""

    def __init__(self, name: Callable[[int, int], str]) -> None:
        self._name = name
        self._ended: dict[Request, EndedCalls] = {}
        self._waiting: dict[WaitingKey, WaitingCalls] = {}

    def add(self, event: CallEvent) -> None:
        """A call has ended. One that began before the trace is left out."""
        if not event.received:
            return
        request = (event.pid, event.request)
        ended = self._ended.get(request)
        if ended is None:
            self._name(*request)  # while the daemon lives: it may tell the name itself
            ended = self._ended[request] = EndedCalls()
        ended.add(event)

    def waiting_like(self, event: WaitEvent, base: int) -> WaitingCalls:
        """The account of this wait, for the lock at `base`, and of others like it."""
        return self._waiting.setdefault(WaitingKey(event.pid, event.tid, event.request, base), WaitingCalls())

    def waiting(self, open_calls: Collection[tuple[int, int]]) -> dict[tuple[str, LockKey], int]:
        """How many ended calls of each API had a long wait for each lock. `open_calls`: those that have not
        ended, as (thread, time of dispatch)."""
        found: dict[tuple[str, LockKey], int] = defaultdict(int)
        for key, waiting in self._waiting.items():
            ended = waiting.calls - ((key.tid, waiting.last) in open_calls)
            found[self._name(key.pid, key.request), (key.pid, key.base)] += ended
        return found

    def sums(self, throttled_ns: dict[str, int]) -> list[CallSum]:
        """One sum an API. `throttled_ns`: by API, from before the calls were read."""
        apis: dict[str, EndedCalls] = defaultdict(EndedCalls)
        for request, ended in self._ended.items():
            apis[self._name(*request)].merge(ended)
        return [
            CallSum(
                api=api,
                calls=calls.latencies.count,
                errors=calls.errors,
                p50_ns=calls.latencies.quantile(0.5),
                p90_ns=calls.latencies.quantile(0.9),
                max_ns=calls.latencies.max_ns,
                total_ns=calls.latencies.total_ns,
                queued_ns=calls.queued_ns,
                throttled_ns=throttled_ns.get(api, 0),
                off_cpu_ns=calls.off_cpu_ns,
                run_queue_ns=calls.run_queue_ns,
            )
            for api, calls in apis.items()
        ]
