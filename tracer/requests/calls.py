"""Served calls, summed by API as they end."""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tracer.kernel.records import CallEvent
from tracer.model.requests import CallSum
from tracer.requests.latency import Latencies

# Of each thread: calls that a wait may still be told of, since waits are told when the thread next sleeps,
# and waits of calls that have not ended.
CALLS_REMEMBERED = 16
WAITS_REMEMBERED = 4096

LockKey = tuple[int, int]  # pid, base address


@dataclass(slots=True)
class Call:
    """A call that has ended, and the locks that it has been counted for."""

    api: str
    dispatched: int
    replied: int
    locks: tuple[LockKey, ...] = ()


@dataclass(slots=True)
class ThreadCalls:
    """What a thread has served lately."""

    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=CALLS_REMEMBERED))
    waits: deque[tuple[int, LockKey]] = field(default_factory=lambda: deque(maxlen=WAITS_REMEMBERED))


@dataclass(slots=True)
class ApiCalls:
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


class Calls:
    """Every call that was seen from its arrival to its reply, and how many of them waited for which lock."""

    def __init__(self, name: Callable[[int, int], str]) -> None:
        self._name = name
        self._apis: dict[str, ApiCalls] = defaultdict(ApiCalls)
        self._threads: dict[tuple[int, int], ThreadCalls] = defaultdict(ThreadCalls)
        self._waiting: dict[tuple[str, LockKey], int] = defaultdict(int)

    def add(self, event: CallEvent) -> None:
        """A call has ended. One that began before the trace is left out."""
        if not event.received:
            return
        api = self._name(event.pid, event.request)
        self._apis[api].add(event)
        thread = self._threads[event.pid, event.tid]
        thread.calls.append(Call(api, event.dispatched, event.replied))
        if thread.waits:
            self._count_earlier(thread, event.replied)

    def _count_earlier(self, thread: ThreadCalls, replied: int) -> None:
        """Waits that were told before their call, which has just ended."""
        waits, thread.waits = thread.waits, deque(maxlen=WAITS_REMEMBERED)
        for started, lock in waits:
            if not self._count(thread, started, lock) and started > replied:
                thread.waits.append((started, lock))

    def add_wait(self, pid: int, tid: int, started: int, base: int) -> None:
        """A long wait of a thread that serves a call, which may have ended already."""
        thread = self._threads[pid, tid]
        if not self._count(thread, started, (pid, base)):
            thread.waits.append((started, (pid, base)))

    def _count(self, thread: ThreadCalls, started: int, lock: LockKey) -> bool:
        for call in reversed(thread.calls):
            if call.dispatched <= started <= call.replied:
                if lock not in call.locks:
                    call.locks += (lock,)
                    self._waiting[call.api, lock] += 1
                return True
        return False

    def waiting(self, api: str, lock: LockKey) -> int:
        """How many calls of an API had a long wait for a lock."""
        return self._waiting.get((api, lock), 0)

    def sums(self, throttled_ns: dict[str, int]) -> list[CallSum]:
        """One sum an API. `throttled_ns`: by API, from before the calls were read."""
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
            for api, calls in self._apis.items()
        ]
