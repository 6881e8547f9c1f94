"""The pipeline: target -> unwind tables -> kernel programs -> raw records -> symbols and names -> report."""

import gc
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime

from tracer import VERSION
from tracer.aggregate import fold
from tracer.auditing import Audit
from tracer.beginning import Beginning
from tracer.blocking import BlockedFinder, begin_blocked
from tracer.config import ProbeMode, TraceConfig
from tracer.courtesy import give_way
from tracer.early_names import EarlyNames
from tracer.judging import judged
from tracer.kernel.objects import ObjectMaps
from tracer.kernel.probe import SWITCHED_OFF, MutexProbe
from tracer.kernel.tracing import KernelTracing
from tracer.kernel.trimming import release_compiler
from tracer.kernel.windows import remove_stale
from tracer.launching import Launched
from tracer.listening import Listener
from tracer.locks.resolver import KindResolver
from tracer.model.report import Health, Report, Target, TraceInfo
from tracer.model.requests import RequestTotal
from tracer.model.waits import Blocked, LockTotal, ReleaseSum, WaitSum
from tracer.naming.namer import Namer
from tracer.object_watch import ObjectWatch
from tracer.options import Filters
from tracer.process import Process
from tracer.requests.choice import daemon_sites
from tracer.requests.server import Site
from tracer.requests.serving import Requests, Sums
from tracer.resolving import Resolver
from tracer.stopping import Stop
from tracer.symbols.symbolizer import Symbolizer
from tracer.threads import Threads
from tracer.totals import blame_rows, lock_totals, with_acquisitions, with_open_owners, with_open_waits
from tracer.unwind.tables import Tables, build
from tracer.watching import Watcher

POLL_SECONDS = 0.05
QUIET_POLL_SECONDS = 0.25  # where nobody is told of anything as it comes


@dataclass(frozen=True, slots=True)
class Findings:
    """All that a trace has found, before any filter."""

    info: TraceInfo
    waits: tuple[WaitSum, ...]
    releases: tuple[ReleaseSum, ...]
    totals: tuple[LockTotal, ...]
    blocked: tuple[Blocked, ...]
    requests: tuple[RequestTotal, ...] | None
    health: Health


class Session:
    """Traces from `attach` to `finish`; leaving the context detaches everything, whatever has happened."""

    def __init__(self, config: TraceConfig, beginning: Beginning, launched: Launched | None = None) -> None:
        self._config = config
        self._beginning = beginning
        self._launched = launched
        self._listening_to_signals = ExitStack()
        self._in_the_kernel = ExitStack()
        self._detaching: Future[None] | None = None
        self._probe_told = False
        self.symbolizer = Symbolizer()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *error: object) -> None:
        self.detach().result()

    def detach(self) -> Future[None]:
        """Begins to take everything out of the kernel, whose grace periods pass one by one."""
        if self._detaching is None:
            self._listening_to_signals.close()
            pool = ThreadPoolExecutor(1)
            self._detaching = pool.submit(self._in_the_kernel.close)
            pool.shutdown(wait=False)
        return self._detaching

    def attach(self) -> TraceInfo:
        """Up to the last hook on. Raises LockwatchError."""
        gc.disable()  # nothing is garbage yet: a tenth of the time to get attached
        processes = self._beginning.processes
        self._stop = Stop([process.pid for process in processes])
        self._listening_to_signals.callback(self._stop.close)
        for process in processes:
            self.symbolizer.watch(process.pid)
        kernel, tables = self._load(processes)
        resolver, finder = self._resolving(kernel, processes, tables)
        self._turn_on(kernel)
        self.started_ns = time.monotonic_ns()
        started = datetime.now().astimezone()
        for process in processes:
            kernel.watch(process, tables)
        if self._launched is not None:
            self._let_libraries_load(self._launched, kernel, tables, processes)
            self._start_probe()
        self._requests.attach(kernel.module)
        begin_blocked(kernel, processes)
        self._audit = Audit()
        gc.enable()
        gc.freeze()
        release_compiler()
        self._listener = Listener(
            self._config, kernel, tables, processes, resolver, finder, self.symbolizer, self._requests
        )
        self._early_names = EarlyNames(kernel, resolver, finder)
        self._kernel, self._resolver = kernel, resolver
        self._info = self._trace_info(processes, started.isoformat(timespec="milliseconds"))
        return self._info

    def _turn_on(self, kernel: KernelTracing) -> None:
        """Before the first wait is counted the probe is on, too: no lock is waited for more than taken."""
        with ThreadPoolExecutor(1) as thread:
            attaching = thread.submit(kernel.attach)  # most of it is the verifier's: on the other CPU
            if self._launched is None:
                self._start_probe()
        attaching.result()

    def _start_probe(self) -> None:
        if self._probe is not None:
            self._probe.start()

    def _load(self, processes: Sequence[Process]) -> tuple[KernelTracing, Tables]:
        """The tables are built while another thread compiles: both take about as long."""
        sites = self._request_sites(processes)
        self._requests = Requests(self._config, processes, self.symbolizer, sites)
        tables = build([process.pid for process in processes])
        kernel = KernelTracing(self._beginning.module(tables))
        self._in_the_kernel.callback(kernel.close)
        self._in_the_kernel.callback(self._requests.close)
        self._probe = self._mutex_probe(kernel, processes)
        kernel.fill(tables)
        return kernel, tables

    def _request_sites(self, processes: Sequence[Process]) -> dict[int, tuple[Site, ...]]:
        if not self._beginning.plan.parts.requests:
            return {}
        return daemon_sites(self._config.requests, processes, self.symbolizer)

    def _let_libraries_load(
        self, launched: Launched, kernel: KernelTracing, tables: Tables, processes: Sequence[Process]
    ) -> None:
        """A program that has just been started maps its libraries, traced; then what they hold is known."""
        launched.run_to_entry()
        for process in processes:
            if tables.extend(process.pid) and kernel.fill(tables):
                kernel.watch(process, tables)
                self.symbolizer.refresh(process.pid)

    def _mutex_probe(self, kernel: KernelTracing, processes: Sequence[Process]) -> MutexProbe | None:
        """The probe, not yet on; what a killed lockwatch has left of one is removed in any case."""
        if self._config.mutex_probe is ProbeMode.OFF:
            remove_stale()
            return None
        pids = [process.pid for process in processes]
        probe = MutexProbe(kernel.module, pids, self._config.mutex_probe, self._config.overhead_budget)
        self._in_the_kernel.callback(probe.close)
        return probe

    def _resolving(
        self, kernel: KernelTracing, processes: Sequence[Process], tables: Tables
    ) -> tuple[Resolver, BlockedFinder]:
        threads = {process.pid: Threads(process) for process in processes}
        objects = ObjectMaps(kernel.module)
        namer = Namer(self.symbolizer, processes, self._config.object_names, objects.label)
        self._objects = ObjectWatch(objects, namer, threads)
        kinds = KindResolver(self.symbolizer, tables)
        resolver = Resolver(self.symbolizer, kinds, namer, threads, self._requests.name)
        return resolver, BlockedFinder(resolver, self.symbolizer, tables)

    def _trace_info(self, processes: Sequence[Process], started: str) -> TraceInfo:
        return TraceInfo(
            version=VERSION,
            targets=tuple(Target(process.pid, process.comm, process.exe) for process in processes),
            started=started,
            duration_ns=0,
            threshold_ns=self._config.threshold_ns,
            hook="tracepoint",
        )

    def stop(self, reason: str) -> None:
        """Ends `run`, in words for the report."""
        self._stop.now(reason)

    def run(self, watchers: Sequence[Watcher]) -> None:
        """Listens until the duration is over, somebody stops it, or no target is left."""
        give_way()
        end_ns = self.started_ns + self._config.duration_ns if self._config.duration_ns is not None else None
        seconds = POLL_SECONDS if watchers else QUIET_POLL_SECONDS
        while not self._stop.wait(seconds, end_ns):
            self._objects.tick()
            self._requests.tick()
            self._listener.listen(watchers)
            self._early_names.tick()
            self._tell_probe(watchers)
            for pid in self._stop.ended_targets():
                self._listener.ended(pid, "the target has ended")
            if not self._listener.running:
                self._stop.now(self._listener.end_reason)

    def _tell_probe(self, watchers: Sequence[Watcher]) -> None:
        """Once, when it does not count everything any more, or never did."""
        if self._probe is not None and not self._probe_told:
            state = self._probe.state()
            self._probe_told = state.state != "on"
            if self._probe_told:
                for watcher in watchers:
                    watcher.probe(state)

    def settle(self, watchers: Sequence[Watcher]) -> None:
        """Reads what the kernel side has summed; nothing is traced any more afterwards."""
        gc.disable()  # what is made from here on lasts to the end: a sixth of the time for a great many locks
        blocked = self._listener.blocked()
        now = time.monotonic_ns()
        self._requests.stop()
        self._listener.drain(watchers)
        states = self._kernel.threads()
        self._listener.finish(states, watchers)
        waits = with_open_waits(self._kernel.wait_totals(), states, self._config.threshold_ns)
        owners = with_open_owners(self._kernel.owner_totals(), states)
        totals = lock_totals(self._resolver, waits, owners)
        state = SWITCHED_OFF
        if self._probe is not None:
            state = self._probe.stop()
            totals = with_acquisitions(totals, self._probe.acquisitions())
        long_waits = tuple(self._listener.ledger.wait_sums(self._resolver))
        for key, total in self._kernel.release_totals().items():
            self._listener.take_release_total(key, total)
        releases = list(self._listener.ledger.release_sums(self._resolver))
        self._findings = Findings(
            info=replace(
                self._info,
                duration_ns=now - self.started_ns,
                end_reason=self._stop.reason,
                mutex_probe=state,
            ),
            waits=long_waits,
            releases=tuple(blame_rows(self._resolver, self._kernel.words(), totals, releases)),
            totals=tuple(totals.values()),
            blocked=tuple(blocked),
            requests=self._requests.totals(self._resolver, Sums(waits, owners, totals), long_waits),
            health=self._audit.health(self._kernel, self._resolver, self._requests.notes),
        )

    def report(self, filters: Filters) -> Report:
        """What was found, through filters. To be called after `settle`."""
        found = self._findings
        sums = (
            found.info,
            found.waits,
            found.releases,
            found.totals,
            found.blocked,
            found.requests,
            found.health,
        )
        return judged(lambda chosen: fold(*sums, chosen), filters)
