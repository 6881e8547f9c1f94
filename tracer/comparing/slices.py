"""One recording's waits by slice of time, for each lock and call site."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from tracer.comparing.bootstrap import SLICES
from tracer.model.kinds import Kind
from tracer.model.locks import Lock
from tracer.model.stacks import Stack
from tracer.options import Filters
from tracer.output.names import printable
from tracer.output.stacks import own_frames
from tracer.recording import Recording

LockKey: TypeAlias = tuple[str, Kind]
SiteKey: TypeAlias = tuple[str, Kind, tuple[str, ...]]
# No address: what is the same in the next run. For a site the way of waiting, for a lock its kind.


@dataclass(slots=True)
class Sliced:
    """Waits and their time, over the slices of a trace."""

    waits: int = 0
    wait_ns: list[int] = field(default_factory=lambda: [0] * SLICES)

    def add(self, slice_: int, waits: int, wait_ns: int) -> None:
        self.waits += waits
        self.wait_ns[slice_] += wait_ns


@dataclass(slots=True)
class Waits:
    """Of one recording: in all, by lock, by call site; and how many frames of a site's begin in libc."""

    total: Sliced = field(default_factory=Sliced)
    locks: defaultdict[LockKey, Sliced] = field(default_factory=lambda: defaultdict(Sliced))
    sites: defaultdict[SiteKey, Sliced] = field(default_factory=lambda: defaultdict(Sliced))
    libc_frames: dict[tuple[str, ...], int] = field(default_factory=dict)


def sliced_waits(recording: Recording, threshold_ns: int, filters: Filters) -> Waits:
    """Waits of `threshold_ns` or more; those that had not ended count in the last slice."""
    found = Waits()
    names: dict[Stack, tuple[str, ...]] = {}
    for lock, kind, stack, slice_, waits, wait_ns in _rows(recording, threshold_ns):
        if not filters.accepts(lock, kind):
            continue
        if stack not in names:
            names[stack] = tuple(printable(frame.label) for frame in stack.frames)
            found.libc_frames[names[stack]] = len(stack.frames) - len(own_frames(stack))
        found.total.add(slice_, waits, wait_ns)
        found.locks[lock.identity, lock.kind].add(slice_, waits, wait_ns)
        found.sites[lock.identity, kind, names[stack]].add(slice_, waits, wait_ns)
    return found


def _rows(recording: Recording, threshold_ns: int) -> Iterator[tuple[Lock, Kind, Stack, int, int, int]]:
    yield from recording.sliced_sums(SLICES, threshold_ns)
    for blocked in recording.blocked():
        if blocked.waited_ns >= threshold_ns:
            yield (
                blocked.lock,
                blocked.kind,
                blocked.stack,
                SLICES - 1,
                1,
                _inside(recording, blocked.waited_ns),
            )


def _inside(recording: Recording, waited_ns: int) -> int:
    """As much of a wait as lies inside of the trace."""
    return min(waited_ns, recording.info().duration_ns)
