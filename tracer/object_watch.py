"""Tells the kernel side of a target's classes as they come into being."""

import time
from collections.abc import Callable, Iterable

from tracer.kernel.objects import ObjectMaps
from tracer.naming.namer import Namer

FIRST_NS, LONGEST_NS = 250_000_000, 2_000_000_000
"""A target is looked at again after a time that doubles: most classes exist soon after its start."""

SHARE = 100
"""Looks take at most one part in so many of the time."""


class ObjectWatch:
    """Classes of the targets, first looked for at the first tick: a trace is on by then."""

    def __init__(
        self,
        maps: ObjectMaps,
        namer: Namer,
        pids: Iterable[int],
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._maps = maps
        self._namer = namer
        self._pids = tuple(pids)
        self._clock = clock
        self._interval_ns = 0
        self._due_ns = 0

    def tick(self) -> None:
        """Looks, when it is time to."""
        started = self._clock()
        if started < self._due_ns:
            return
        look = self._namer.refresh if self._interval_ns else self._namer.watch
        for pid in self._pids:
            self._maps.fill(pid, look(pid))
        ended = self._clock()
        self._interval_ns = min(2 * self._interval_ns, LONGEST_NS) or FIRST_NS
        self._due_ns = ended + max(self._interval_ns, SHARE * (ended - started))
