"""Waits and releases: each by itself (an event), and summed (what every view is folded from)."""

from dataclasses import dataclass

from tracer.model.kinds import Kind, Outcome, ReleaseKind
from tracer.model.locks import Lock, Owner, Thread
from tracer.model.stacks import Stack


@dataclass(frozen=True, slots=True)
class Wait:
    """One wait at or above the threshold. Times are CLOCK_MONOTONIC nanoseconds."""

    thread: Thread
    lock: Lock
    kind: Kind
    started_ns: int
    ended_ns: int
    sleeps: int
    outcome: Outcome
    stack: Stack
    owner: Owner | None = None
    request: str | None = None
    owner_request: str | None = None

    @property
    def wait_ns(self) -> int:
        return self.ended_ns - self.started_ns


@dataclass(frozen=True, slots=True)
class Release:
    """One release that was charged with the threshold or more, at its CLOCK_MONOTONIC time."""

    thread: Thread
    lock: Lock
    what: ReleaseKind
    time_ns: int
    blame_ns: int
    stack: Stack
    request: str | None = None


@dataclass(frozen=True, slots=True)
class Blocked:
    """A wait that has not ended. `stack` is read from the target's memory."""

    thread: Thread
    lock: Lock
    kind: Kind
    started_ns: int
    waited_ns: int
    before_attach: bool
    owner: Owner | None
    stack: Stack
    request: str | None = None


@dataclass(frozen=True, slots=True)
class WaitSum:
    """Waits at or above the threshold that agree in lock, way of waiting, stack, thread and request."""

    lock: Lock
    kind: Kind
    stack: Stack
    thread: Thread
    request: str | None
    waits: int
    wait_ns: int
    max_wait_ns: int


@dataclass(frozen=True, slots=True)
class ReleaseSum:
    """Releases that agree in lock, sort, stack, thread and request. `stack` and `thread` are None in the
    rows of a lock that no single stack stands for."""

    lock: Lock
    what: ReleaseKind
    stack: Stack | None
    thread: Thread | None
    request: str | None
    releases: int
    blame_ns: int


@dataclass(frozen=True, slots=True)
class OwnerSum:
    """How often a thread held the lock when a wait for it began."""

    tid: int
    thread: str
    waits: int
    wait_ns: int
    confirmed: int


@dataclass(frozen=True, slots=True)
class LockTotal:
    """Every ended wait for one lock, of any length. `histogram[i]` counts waits of 2**i to 2**(i+1) ns."""

    lock: Lock
    waits: int = 0
    wait_ns: int = 0
    max_wait_ns: int = 0
    sleeps: int = 0
    timeouts: int = 0
    interrupted: int = 0
    long_waits: int = 0
    long_wait_ns: int = 0
    unfinished: int = 0
    unfinished_ns: int = 0
    eagain: int = 0
    acquisitions: int | None = None
    acquisitions_estimated: bool = False
    acquisitions_saturated: bool = False
    histogram: tuple[int, ...] = ()
    owners: tuple[OwnerSum, ...] = ()
