"""The kernel side's records as they come: into the ledger, and to whoever watches."""

import time
from collections.abc import Mapping, Sequence

from tracer.alike import AlikeWaits
from tracer.blocking import BlockedFinder
from tracer.config import TraceConfig
from tracer.deadlocks import find_deadlocks
from tracer.errors import LockwatchError
from tracer.holding import HeldReleases, Word
from tracer.idle_stacks import IdleStacks
from tracer.kernel import records as raw
from tracer.kernel.tracing import KernelTracing
from tracer.ledger import Ledger, Sum, release_kind
from tracer.model.stacks import StackEnd
from tracer.model.waits import Blocked, Release
from tracer.process import Process
from tracer.requests.calls import WaitingCalls
from tracer.requests.serving import Requests
from tracer.resolving import STACK_ENDS, Resolver, Site
from tracer.symbols.symbolizer import Symbolizer
from tracer.totals import way_of
from tracer.unwind.tables import Tables
from tracer.watching import Watcher

SECOND = 1_000_000_000
SETTLED_NS = (
    100_000_000  # a wait is told when its last sleep ended so long ago: the thread may still lose the race
)
LASTING_NS = SECOND  # a wait that still lasts is told first after the threshold, or this
SCAN_NS = 100_000_000
SCAN_SHARE = 20  # scans take at most one part in so many of a CPU
NO_MAPPING = STACK_ENDS.index(StackEnd.NO_MAPPING)


class Listener:
    """Owns what is known of a running trace, on the side of user space."""

    def __init__(
        self,
        config: TraceConfig,
        kernel: KernelTracing,
        tables: Tables,
        processes: Sequence[Process],
        resolver: Resolver,
        finder: BlockedFinder,
        symbolizer: Symbolizer,
        requests: Requests,
    ) -> None:
        self._config = config
        self._kernel = kernel
        self._tables = tables
        self._processes = {process.pid: process for process in processes}
        self._resolver = resolver
        self._finder = finder
        self._symbolizer = symbolizer
        self._requests = requests
        self._idle_stacks = IdleStacks(kernel, config.spared_kinds)
        self._alike = AlikeWaits()
        self.ledger = Ledger()
        self.running = set(self._processes)
        self.end_reason = ""
        self._told: dict[tuple[int, int], int] = {}
        self._lasting: dict[tuple[int, int], int] = {}
        self._deadlocks: set[frozenset[int]] = set()
        self._held = HeldReleases()
        self._outgrown: set[int] = set()
        self._next_scan_ns = 0
        self._next_refresh_ns = 0
        self._now_ns = 0

    def listen(self, watchers: Sequence[Watcher]) -> None:
        """Takes what is there now, and looks after what has changed."""
        self._now_ns = time.monotonic_ns()
        self.drain(watchers)
        if self._outgrown and self._now_ns >= self._next_refresh_ns:
            self._refresh()
        if watchers and self._now_ns >= self._next_scan_ns:
            self._scan(watchers)
        for watcher in watchers:
            watcher.tick()

    def drain(self, watchers: Sequence[Watcher]) -> None:
        """Takes the events that are there now."""
        for record in self._kernel.events():
            if watchers or not self._alike.add(record):
                self._take(record, watchers)

    def _take(self, record: bytes, watchers: Sequence[Watcher]) -> None:
        event = raw.decode(record)
        if isinstance(event, raw.CallEvent):
            self._requests.call(event)
        elif isinstance(event, raw.WaitEvent):
            self._look_at_wait(record, event, watchers)
        elif isinstance(event, raw.ReleaseEvent):
            self._take_release(event, watchers)
        elif isinstance(event, raw.StackEvent):
            self._resolver.add_stack(event)
            if event.end == NO_MAPPING:
                self._outgrown.add(event.pid)
        elif isinstance(event, raw.ExecEvent):
            self.ended(event.pid, "the target runs another program now")

    def _site(self, event: raw.WaitEvent) -> Site:
        return self._resolver.site(way_of(event), event.stack)

    def _look_at_wait(self, record: bytes, event: raw.WaitEvent, watchers: Sequence[Watcher]) -> None:
        """Another like it needs no look, unless its stack is not known or idle waits are mixed in there."""
        site = self._site(event)
        self._resolver.threads[event.pid].saw(event.tid, event.comm)
        if self._idle_stacks.saw(event, site.kind, self._resolver.stack(event.stack)):
            self._alike.forget()
        sums = self._add_wait(event, site)
        if self._resolver.knows_stack(event.stack) and not self._idle_stacks.wants(event, site.kind):
            self._alike.know(record, *sums)
        if watchers:
            self._tell_ended(event, site, watchers)

    def _add_wait(self, event: raw.WaitEvent, site: Site) -> tuple[Sum, WaitingCalls | None]:
        """Returns the sums that it was added to."""
        calls = self._requests.waiting_like(event, site.base)
        if calls is not None:
            calls.add(event.call)
        return self.ledger.add_wait(event, site), calls

    def _tell_ended(self, event: raw.WaitEvent, site: Site, watchers: Sequence[Watcher]) -> None:
        told = self._told.pop((event.tid, event.started), 0)
        if told != event.ended:
            self._tell_wait(event, site, watchers, corrects=bool(told))
        self._tell_held((event.pid, event.word), watchers)

    def _tell_wait(
        self, event: raw.WaitEvent, site: Site, watchers: Sequence[Watcher], corrects: bool
    ) -> None:
        wanting = [watcher for watcher in watchers if watcher.wants(site.kind)]
        if wanting:
            wait = self._resolver.wait(event, site)
            for watcher in wanting:
                watcher.wait(wait, corrects)

    def _take_release(self, event: raw.ReleaseEvent, watchers: Sequence[Watcher]) -> None:
        self._resolver.threads[event.pid].saw(event.tid, event.comm)
        self.ledger.add_release(event)
        if not any(watcher.wants_releases for watcher in watchers):
            return
        if (event.pid, event.word) in self._resolver.bases or not self._held.hold(event):
            self._tell_release(event, watchers)

    def _place_held(self, watchers: Sequence[Watcher]) -> None:
        """Words whose waits were too short to be told have been looked at meanwhile, too."""
        for word in self._held.words & self._resolver.bases.keys():
            self._tell_held(word, watchers)

    def _tell_held(self, word: Word, watchers: Sequence[Watcher]) -> None:
        for release in self._held.take(word):
            self._tell_release(release, watchers)

    def take_release_total(self, key: raw.ReleaseKey, total: raw.ReleaseTotal) -> None:
        """Releases that came as no events."""
        self._resolver.threads[key.pid].saw(key.tid, total.comm)
        self.ledger.add_release_total(key, total)

    def _tell_release(self, event: raw.ReleaseEvent, watchers: Sequence[Watcher]) -> None:
        lock = self._resolver.lock_of_word(event.pid, event.word)
        stack = self._resolver.stack(event.stack)
        release = Release(
            thread=self._resolver.threads[event.pid].saw(event.tid, event.comm),
            lock=lock,
            what=release_kind(lock.kind),
            time_ns=event.time,
            blame_ns=event.blame_ns,
            stack=stack,
            request=self._resolver.request_name(event.pid, event.request, stack),
        )
        for watcher in watchers:
            if watcher.wants_releases:
                watcher.release(release)

    def ended(self, pid: int, reason: str) -> None:
        """A target is gone, or is another program."""
        if pid in self.running:
            self.running.discard(pid)
            self._kernel.unwatch(pid)
            self.end_reason = reason

    def _refresh(self) -> None:
        """Code has been mapped since the tables were built: at most twice a second a process is read anew."""
        self._next_refresh_ns = self._now_ns + SECOND // 2
        for pid in self._outgrown & self.running:
            try:
                changed = self._tables.extend(pid)
            except LockwatchError:
                continue  # gone: its end is seen elsewhere
            if changed and self._kernel.fill(self._tables):
                self._kernel.watch(self._processes[pid], self._tables)
                self._symbolizer.refresh(pid)
        self._outgrown.clear()

    def _scan(self, watchers: Sequence[Watcher]) -> None:
        """Looks for waits that are over but not closed, for those that last, and for deadlocks."""
        started_cpu = time.thread_time_ns()
        states = self._kernel.threads()
        for tid, state in states.items():
            if state.phase == raw.PHASE_BETWEEN and self._is_settled(state):
                self._tell_settled(tid, state, watchers)
        self._tell_lasting(states, watchers)
        self._place_held(watchers)
        self._finder.forget_ended(states)
        took = time.thread_time_ns() - started_cpu
        self._next_scan_ns = self._now_ns + max(SCAN_NS, SCAN_SHARE * took)

    def _is_settled(self, state: raw.ThreadState) -> bool:
        long = state.ended - state.started >= self._config.threshold_ns
        return long and self._now_ns - state.ended >= SETTLED_NS

    def _tell_settled(self, tid: int, state: raw.ThreadState, watchers: Sequence[Watcher]) -> None:
        if self._told.get((tid, state.started)) == state.ended:
            return
        corrects = (tid, state.started) in self._told
        self._told[tid, state.started] = state.ended
        event = self.event_of(tid, state)
        self._tell_wait(event, self._site(event), watchers, corrects)

    def event_of(self, tid: int, state: raw.ThreadState) -> raw.WaitEvent:
        """The event that the kernel side would send if the wait were closed now."""
        name = self._resolver.threads[state.pid].thread(tid).name
        return raw.wait_event(tid, state, name.encode())

    def _tell_lasting(self, states: Mapping[int, raw.ThreadState], watchers: Sequence[Watcher]) -> None:
        """Each lasting wait at growing intervals, and every deadlock once."""
        found = self._finder.find(states, self._now_ns, max(self._config.threshold_ns, SCAN_NS))
        lasting = still_asleep(found, states, self._kernel.threads()) if found else []
        alive = {(blocked.thread.tid, blocked.started_ns) for blocked in lasting}
        self._lasting = {key: due for key, due in self._lasting.items() if key in alive}
        for cycle in find_deadlocks(lasting):
            members = frozenset(blocked.thread.tid for blocked in cycle)
            if members not in self._deadlocks:
                self._deadlocks.add(members)
                for watcher in watchers:
                    watcher.deadlock(cycle)
        for blocked in lasting:
            key = (blocked.thread.tid, blocked.started_ns)
            due = self._lasting.setdefault(key, max(self._config.threshold_ns, LASTING_NS))
            if blocked.waited_ns >= due:
                self._lasting[key] = 2 * blocked.waited_ns
                for watcher in watchers:
                    if watcher.wants(blocked.kind):
                        watcher.lasts(blocked)

    def finish(self, states: Mapping[int, raw.ThreadState], watchers: Sequence[Watcher]) -> None:
        """Closes the waits that are over, and tells what was held back."""
        for tid, state in states.items():
            if state.phase == raw.PHASE_BETWEEN and state.ended - state.started >= self._config.threshold_ns:
                event = self.event_of(tid, state)
                site = self._site(event)
                self._add_wait(event, site)
                self._tell_ended(event, site, watchers)
        for word in tuple(self._held.words):
            self._tell_held(word, watchers)

    def blocked(self) -> list[Blocked]:
        """The waits at or above the threshold that have not ended. Nothing is traced any more afterwards."""
        now_ns = time.monotonic_ns()
        states = self._kernel.threads()
        found = self._finder.find(states, now_ns, max(self._config.threshold_ns, 1))
        for pid in self.running:
            self._kernel.unwatch(pid)
        return still_asleep(found, states, self._kernel.threads())


def still_asleep(
    blocked: Sequence[Blocked], before: Mapping[int, raw.ThreadState], after: Mapping[int, raw.ThreadState]
) -> list[Blocked]:
    """Those whose sleep has lasted while their owners were read. Of a thread that has woken meanwhile, the
    owner may be itself, and a circle of such owners no deadlock."""
    return [
        each
        for each in blocked
        if (state := after.get(each.thread.tid)) is not None
        and state.phase == raw.PHASE_ASLEEP
        and state.slept == before[each.thread.tid].slept
    ]
