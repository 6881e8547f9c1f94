"""Tells the kernel side of a target's classes as they come into being."""

import time
from collections.abc import Iterable

from tracer.kernel.objects import ObjectMaps
from tracer.naming.namer import Namer

FIRST_NS, LONGEST_NS = 250_000_000, 10_000_000_000
"""A target is looked at again after a time that doubles: most classes exist soon after its start, and a look
at many takes some milliseconds."""


class ObjectWatch:
    """Classes of the targets, first looked for at the first tick: a trace is on by then."""

    def __init__(self, maps: ObjectMaps, namer: Namer, pids: Iterable[int]) -> None:
        self._maps = maps
        self._namer = namer
        self._pids = tuple(pids)
        self._interval_ns = 0
        self._due_ns = 0

    def tick(self) -> None:
        now = time.monotonic_ns()
        if now < self._due_ns:
            return
        look = self._namer.refresh if self._interval_ns else self._namer.watch
        for pid in self._pids:
            self._maps.fill(pid, look(pid))
        self._interval_ns = min(2 * self._interval_ns, LONGEST_NS) or FIRST_NS
        self._due_ns = time.monotonic_ns() + self._interval_ns
