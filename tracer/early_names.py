"""Names locks while their process lives: its end takes the memory away that names are read from."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from tracer.blocking import BlockedFinder
from tracer.kernel import records as raw
from tracer.resolving import Resolver, Site
from tracer.totals import way_of

INTERVAL_NS = 100_000_000
SHARE = 200
"""Looks take at most one part in so many of a CPU. By the clock on the wall, where others keep the CPU from a
look, the next would come too late for a process that ends."""

LONGEST_NAMING_NS = 50_000_000
"""What is left then is named at the next look: events pile up meanwhile."""

SETTLED_NS = 100_000_000
"""A thread that has slept so long is looked at: what it waits for may have no other wait."""

MOST_TRIES = 20
"""A lock that is waited for just now is looked at: so often, since its waiter may wake meanwhile."""


class Waits(Protocol):
    """The kernel side, as far as it is read here."""

    def threads(self) -> dict[int, raw.ThreadState]: ...

    def thread(self, tid: int) -> raw.ThreadState | None: ...

    def first_stacks(self) -> dict[raw.WaitKey, int]: ...


class EarlyNames:
    """Asks once for the name of each lock that is waited for. Whoever keeps names has it when the report
    asks again."""

    def __init__(
        self,
        kernel: Waits,
        resolver: Resolver,
        finder: BlockedFinder,
        clock: Callable[[], int] = time.monotonic_ns,
        cpu_clock: Callable[[], int] = time.thread_time_ns,
    ) -> None:
        self._kernel = kernel
        self._resolver = resolver
        self._finder = finder
        self._clock = clock
        self._cpu_clock = cpu_clock
        self._named: set[tuple[int, int, int]] = set()
        self._sites: dict[tuple[int, int], Site] = {}
        self._tries: Counter[tuple[int, int]] = Counter()
        self._due_ns = 0

    def tick(self) -> None:
        """Looks, when it is time to."""
        if self._clock() < self._due_ns:
            return
        started_cpu = self._cpu_clock()
        waits, states = self._kernel.first_stacks(), self._kernel.threads()
        reading_ns, read = self._cpu_clock() - started_cpu, self._clock()
        self._name(waits, read + LONGEST_NAMING_NS)
        self._look_at_waited(states)
        self._finder.find(states, read, SETTLED_NS)
        self._finder.forget_ended(states)
        self._due_ns = self._clock() + max(INTERVAL_NS, SHARE * reading_ns)

    def _name(self, waits: Mapping[raw.WaitKey, int], end_ns: int) -> None:
        for key, stack in waits.items():
            what = (key.pid, key.word, key.object)
            if what in self._named or not self._resolver.knows_stack(stack):
                continue
            if self._clock() >= end_ns:
                return
            self._named.add(what)
            site = self._sites[key.pid, key.word] = self._resolver.site(way_of(key), stack)
            self._resolver.lock(key.pid, site, key.object, self._resolver.stack(stack))

    def _look_at_waited(self, states: Mapping[int, raw.ThreadState]) -> None:
        for tid, seen in states.items():
            site = self._sites.get((seen.pid, seen.word))
            if site is None or self._tries[seen.pid, site.base] >= MOST_TRIES:
                continue
            state = self._kernel.thread(tid)
            if state is not None and state.word == seen.word and state.phase == raw.PHASE_ASLEEP:
                self._tries[seen.pid, site.base] += 1
                self._resolver.seen_waited(seen.pid, site, partial(self._still_asleep, tid, state.slept))

    def _still_asleep(self, tid: int, slept: int) -> bool:
        """In the sleep that began then."""
        state = self._kernel.thread(tid)
        return state is not None and state.phase == raw.PHASE_ASLEEP and state.slept == slept
