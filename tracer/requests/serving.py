"""What a trace knows of requests, whichever way they are told: libvirt's API calls, a pattern, or none."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tracer.config import TraceConfig
from tracer.errors import MachineError, UsageError
from tracer.kernel import btf
from tracer.kernel import records as raw
from tracer.kernel.programs import Module
from tracer.kernel.requests import RequestProbes
from tracer.kernel.uprobe_links import LinkTrial
from tracer.model.requests import RequestTotal
from tracer.model.stacks import Stack
from tracer.model.waits import LockTotal, WaitSum
from tracer.process import Process
from tracer.requests.calls import WaitingCalls
from tracer.requests.choice import pattern_of
from tracer.requests.libvirt import LibvirtRequests
from tracer.requests.server import Site
from tracer.resolving import Resolver
from tracer.symbols.symbolizer import Symbolizer
from tracer.totals import LockKey


@dataclass(frozen=True, slots=True)
class Sums:
    """What the kernel side has summed, and the locks that its words are part of."""

    waits: Mapping[raw.WaitKey, raw.WaitTotal]
    owners: Mapping[raw.OwnerKey, raw.OwnerTotal]
    locks: Mapping[LockKey, LockTotal]


class Requests:
    """Where requests are seen has been chosen. Raises LockwatchError where what is asked for cannot be."""

    def __init__(
        self,
        config: TraceConfig,
        processes: Sequence[Process],
        symbolizer: Symbolizer,
        sites: Mapping[int, tuple[Site, ...]],
    ) -> None:
        self._pattern = pattern_of(config.requests)
        self._sites = sites
        self._processes = processes
        self._symbolizer = symbolizer
        self._libvirt: LibvirtRequests | None = None
        self.probed = bool(self._sites)
        self._links = LinkTrial() if self.probed else None
        self.scheduled = config.sched
        if config.sched:
            _check_scheduler(self.probed)

    def attach(self, module: Module) -> None:
        """Probes the daemons. Raises LockwatchError."""
        if self._links is None:
            return
        probes = RequestProbes(module, linked=self._links.works)
        self._libvirt = LibvirtRequests(probes, self._symbolizer, self.scheduled)
        for process in self._processes:
            if process.pid in self._sites:
                self._libvirt.watch(process, self._sites[process.pid])

    def name(self, pid: int, request: int, stack: Stack) -> str | None:
        """The request that a wait or a release belongs to."""
        if self._pattern is not None:
            return self._pattern.request(stack)
        return self._libvirt.name(pid, request) if self._libvirt is not None else None

    def call(self, event: raw.CallEvent) -> None:
        """A call has ended."""
        if self._libvirt is not None:
            self._libvirt.call(event)

    def waiting_like(self, event: raw.WaitEvent, base: int) -> WaitingCalls | None:
        """Where the calls are counted that had such long waits for the lock at `base`; None: nowhere."""
        return self._libvirt.waiting_like(event, base) if self._libvirt is not None else None

    def tick(self) -> None:
        """To be called now and then."""
        if self._libvirt is not None:
            self._libvirt.tick()

    def totals(
        self, resolver: Resolver, sums: Sums, waits: Iterable[WaitSum]
    ) -> tuple[RequestTotal, ...] | None:
        """All that was seen of every request; None where none are known. `waits`: the long ones."""
        if self._pattern is not None:
            return self._pattern.totals(waits)
        if self._libvirt is None:
            return None
        return self._libvirt.totals(resolver, sums.waits, sums.owners, sums.locks)

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be seen, and why."""
        return self._libvirt.notes if self._libvirt is not None else ()

    def stop(self) -> None:
        """Nothing more is sampled, and the calls that have not ended now are left out. The rest stays."""
        if self._libvirt is not None:
            self._libvirt.stop()

    def close(self) -> None:
        """Takes all probes away."""
        if self._libvirt is not None:
            self._libvirt.close()


def _check_scheduler(probed: bool) -> None:
    if not probed:
        raise UsageError(
            "--sched splits the time of API calls, and no daemon of libvirt is traced", "leave --sched out"
        )
    if btf.run_delay_offset() is None:
        raise MachineError(
            "--sched needs the kernel's type information", "a kernel with CONFIG_DEBUG_INFO_BTF"
        )
