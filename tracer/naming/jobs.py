"""Which domain a libvirt job belongs to: a condition variable that only that domain's object leads to."""

import time
from collections import deque
from collections.abc import Callable

SETTLED_NS = 500_000_000
"""A wait is told of sooner after its end than this."""

Owners = Callable[[], dict[int, str]]
"""What each domain's object points at just now, to the domain's name."""


class Jobs:
    """The domains of one process by their jobs.

    A job that is waited for just now is its domain's. Of a wait that is over, the domain may be gone, and its
    memory another domain's: it counts only where the same domain had the job before the wait's end and has it
    now. A place may have been several domains' in turn.
    """

    def __init__(self, owners: Owners, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._owners = owners
        self._clock = clock
        self._earlier: deque[tuple[int, dict[int, str]]] = deque(maxlen=4)
        self._domains: dict[int, tuple[str, ...]] = {}

    def look(self) -> None:
        """To be called every now and then: what is seen now tells of waits that end later."""
        self._earlier.append((self._clock(), self._owners()))

    def waited_for_now(self, job: int, still: Callable[[], bool] = lambda: True) -> None:
        """A thread waits for the job while this is called; `still` tells afterwards whether it still does."""
        domain = self._owners().get(job)
        if still():
            self._learn(job, domain)

    def domains(self, job: int) -> tuple[str, ...]:
        """The domains of a job that was waited for, as far as they are certain."""
        if job not in self._domains:
            before = self._before(job)
            if before is not None and before == self._owners().get(job):
                self._learn(job, before)
        return self._domains.get(job, ())

    def _before(self, job: int) -> str | None:
        now = self._clock()
        settled = [owners for seen, owners in self._earlier if now - seen >= SETTLED_NS]
        return settled[-1].get(job) if settled else None

    def _learn(self, job: int, domain: str | None) -> None:
        known = self._domains.get(job, ())
        if domain is not None and domain not in known:
            self._domains[job] = (*known, domain)
