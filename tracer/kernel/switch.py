"""The mutex probe's on and off: its events on the processes that they are for."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

from tracer.errors import LockwatchError, TargetError
from tracer.kernel.calibration import HitCost, LockLoop, assumed, dearest, measure
from tracer.kernel.probe_maps import ProbeMaps
from tracer.kernel.uprobes import open_idle_uprobe
from tracer.kernel.windows import WindowEvent
from tracer.probe.budget import LONGEST_WINDOW_NS
from tracer.probe.site import Site, find_sites
from tracer.process import read_mappings, thread_ids

# A grace period is of use for so long at least.
FRESH_NS = LONGEST_WINDOW_NS + 1_000_000


class ProbeSwitch:
    """Puts one program on pthread_mutex_lock of all targets, and takes it off.

    Raises LockwatchError; TargetError where no target has the function.
    """

    def __init__(self, program: int, pids: Sequence[int]) -> None:
        self._program = program
        self._sites: dict[tuple[str, int, int], Site] = {}
        self._events: dict[tuple[str, int, int], WindowEvent] = {}
        self._spare: list[WindowEvent] = []
        self._places: list[tuple[WindowEvent, int]] = []
        self._open: list[int] = []
        self._opened_at = 0
        self._closed_ns = 0
        try:
            for pid in pids:
                self._add(pid)
        except LockwatchError:
            self.close()
            raise
        if not self._places:
            raise TargetError("no pthread_mutex_lock was found in the target")

    def _add(self, pid: int) -> None:
        for site in find_sites(pid):
            if site.key in self._sites:
                os.close(site.fd)
            else:
                self._sites[site.key] = site
                self._events[site.key] = WindowEvent(site.path, site.offset, self._program)
            self._places.append((self._events[site.key], pid))

    def measure_cost(self, maps: ProbeMaps) -> HitCost:
        """What a hit costs at the dearest of the places, measured on this process: some ms."""
        try:
            loop = LockLoop()
        except (OSError, AttributeError):
            return dearest([assumed(site.emulated) for site in self._sites.values()])
        ours = {(mapping.device, mapping.inode) for mapping in read_mappings(os.getpid())}
        shared = [site for site in self._sites.values() if (site.device, site.inode) in ours]
        costs = [measure(loop, self._events[site.key], maps) for site in shared]
        foreign = [site for site in self._sites.values() if site not in shared]
        return dearest([*costs, *(self._cost_alike(site, loop, maps) for site in foreign)])

    def _cost_alike(self, site: Site, loop: LockLoop, maps: ProbeMaps) -> HitCost:
        """Of a site in a file that we do not map: on an instruction of the same sort in our own libc."""
        ours = find_sites(os.getpid())
        try:
            alike = next((own for own in ours if own.emulated or not site.emulated), None)
            if alike is None:
                return assumed(site.emulated)
            place = alike.offset if site.emulated else alike.start
            event = WindowEvent(alike.path, place, self._program)
            self._spare.append(event)
            return measure(loop, event, maps)
        finally:
            for own in ours:
                os.close(own.fd)

    @property
    def on_ns(self) -> int:
        """For how long it has been on so far."""
        return self._closed_ns + (time.monotonic_ns() - self._opened_at if self._open else 0)

    def on(self) -> None:
        """Puts the probe on every target that still runs. Raises TargetError when none does."""
        for event, pid in self._places:
            with suppress(TargetError):
                self._open.append(_open_on(event, pid))
        if not self._open:
            raise TargetError("the target has ended")
        self._opened_at = time.monotonic_ns()

    def off(self) -> None:
        """Takes the probe off: the target waits for well under a millisecond.

        While the kernel takes a probe off, every thread that hits it waits; and that is for an RCU grace
        period, 8 to 16 ms, unless one has just passed to put a probe on. So one is put on elsewhere before.
        """
        if not self._open:
            return
        passed = self._fresh_grace_period()
        for fd in self._open:
            os.close(fd)
        self._closed_ns += time.monotonic_ns() - self._opened_at
        self._open = []
        for fd in passed:
            os.close(fd)

    def _fresh_grace_period(self) -> list[int]:
        """What is to be closed when the probe is off."""
        if time.monotonic_ns() - self._opened_at <= FRESH_NS:
            return []
        with suppress(LockwatchError):
            return [open_idle_uprobe()]
        return []

    def close(self) -> None:
        """Takes the probe off and removes its events: a tenth of a second or more."""
        self.off()
        for event in (*self._events.values(), *self._spare):
            event.close()
        for site in self._sites.values():
            os.close(site.fd)
        self._places, self._spare, self._events, self._sites = [], [], {}, {}


def _open_on(event: WindowEvent, pid: int) -> int:
    """By any thread that lives: a process goes on when its first thread has ended."""
    for tid in _first_and_others(pid):
        with suppress(TargetError):
            return event.open(tid)
    raise TargetError(f"process {pid} has ended")


def _first_and_others(pid: int) -> Iterator[int]:
    """The others are looked for only where the first is not enough."""
    yield pid
    yield from thread_ids(pid)
