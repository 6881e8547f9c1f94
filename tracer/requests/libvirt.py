"""The API calls of the libvirt daemons that are traced."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from tracer.kernel import records as raw
from tracer.kernel.requests import RequestProbes
from tracer.model.requests import RequestTotal
from tracer.model.waits import LockTotal
from tracer.process import Memory, Process
from tracer.requests import names
from tracer.requests.calls import Calls, WaitingCalls
from tracer.requests.charged import charged_owners, charged_waits
from tracer.requests.connections import Connections
from tracer.requests.sampler import Sampler
from tracer.requests.server import Site, address_of, daemon_exports
from tracer.requests.throttled import Throttled
from tracer.requests.totals import totals
from tracer.resolving import Resolver
from tracer.symbols.symbolizer import Symbolizer
from tracer.totals import LockKey

HIDDEN = "what lay unread in the sockets of {} connections cannot be seen: SASL encrypts them"
LOOKING_NS = 2 * 10**9


@dataclass(slots=True)
class Daemon:
    """A traced daemon."""

    memory: Memory
    names: dict[names.Procedure, str]
    sampler: Sampler
    throttled: Throttled


class LibvirtRequests:
    """Counts calls from their arrival to their reply, and gives every request its name."""

    def __init__(self, probes: RequestProbes, symbolizer: Symbolizer, scheduled: bool) -> None:
        self._probes = probes
        self._symbolizer = symbolizer
        self._scheduled = scheduled
        self._daemons: dict[int, Daemon] = {}
        self._names: dict[tuple[int, int], str] = {}
        self._calls = Calls(self._name)
        self._open: frozenset[tuple[int, int]] = frozenset()
        self._next_look_ns = 0

    def watch(self, process: Process, sites: tuple[Site, ...]) -> None:
        """Probes a daemon, from now on. Raises LockwatchError."""
        pid = process.pid
        memory = Memory(pid)
        self._probes.attach(pid, sites)
        exports = address_of(daemon_exports(self._symbolizer, process))
        sampler = Sampler(pid)
        throttled = Throttled(Connections(pid, memory, exports), sampler)
        self._daemons[pid] = Daemon(memory, names.table_names(memory, exports), sampler, throttled)
        sampler.start()
        if self._scheduled and len(self._daemons) == 1:
            self._probes.attach_scheduler()

    def name(self, pid: int, request: int) -> str | None:
        """The API call that a record's `request` stands for; None where it stands for none."""
        return self._name(pid, request) if request else None

    def _name(self, pid: int, request: int) -> str:
        name = self._names.get((pid, request)) or self._find_name(pid, request)
        if name is None:
            return names.unknown_name(request)
        self._names[pid, request] = name
        return name

    def _find_name(self, pid: int, request: int) -> str | None:
        """By the daemon's tables, or by what it has said."""
        daemon = self._daemons.get(pid)
        if daemon is None:
            return None
        return daemon.names.get(names.request_parts(request)) or self._job_name(daemon, request)

    def _job_name(self, daemon: Daemon, request: int) -> str | None:
        """What the daemon itself calls such a call; None where it has not said."""
        address = self._probes.job_name(request)
        text = daemon.memory.c_string(address, names.LONGEST_NAME) if address else None
        return names.api_name(text) if text else None

    def call(self, event: raw.CallEvent) -> None:
        """A call has ended."""
        self._calls.add(event)
        daemon = self._daemons.get(event.pid)
        if daemon is not None:
            daemon.throttled.add(event)

    def waiting_like(self, event: raw.WaitEvent, base: int) -> WaitingCalls | None:
        """Where the calls are counted that had such long waits for the lock at `base`; None: for none."""
        return self._calls.waiting_like(event, base) if event.request else None

    def tick(self) -> None:
        """To be called now and then."""
        now = time.monotonic_ns()
        if now < self._next_look_ns:
            return
        self._next_look_ns = now + LOOKING_NS
        for daemon in self._daemons.values():
            daemon.throttled.tick(now)

    def totals(
        self,
        resolver: Resolver,
        waits: Mapping[raw.WaitKey, raw.WaitTotal],
        owners: Mapping[raw.OwnerKey, raw.OwnerTotal],
        locks: Mapping[LockKey, LockTotal],
    ) -> tuple[RequestTotal, ...]:
        """All that was seen of every API, the longest served first."""
        throttled: dict[str, int] = {}
        for pid, daemon in self._daemons.items():
            for request, ns in daemon.throttled.sums().items():
                api = self._name(pid, request)
                throttled[api] = throttled.get(api, 0) + ns
        return totals(
            self._calls.sums(throttled),
            charged_waits(resolver, waits, locks, self._calls.waiting(self._open), self._name),
            charged_owners(resolver, owners, locks, self._name),
            self._scheduled,
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be seen, and why."""
        failures = (daemon.sampler.failure for daemon in self._daemons.values())
        encrypted = sum(daemon.throttled.encrypted for daemon in self._daemons.values())
        hidden = [HIDDEN.format(encrypted)] if encrypted else []
        return (*(failure for failure in failures if failure is not None), *hidden)

    def stop(self) -> None:
        """No more samples, and the calls that have not ended now are left out. The rest stays."""
        self._open = self._probes.open_calls()
        self._stop_sampling()

    def _stop_sampling(self) -> None:
        for daemon in self._daemons.values():
            daemon.sampler.stop()

    def close(self) -> None:
        """Takes the probes away."""
        self._stop_sampling()
        self._probes.close()
