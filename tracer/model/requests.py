"""Served calls of a server whose requests are known."""

from dataclasses import dataclass

from tracer.model.locks import Lock


@dataclass(frozen=True, slots=True)
class RequestLock:
    """One lock that calls of an API waited for. `calls` had a wait at or above the threshold."""

    lock: str
    identity: str
    wait_ns: int
    calls: int


@dataclass(frozen=True, slots=True)
class HeldUpBy:
    """Waiting for a lock while a call of `api` held it."""

    api: str
    lock: str
    wait_ns: int


@dataclass(frozen=True, slots=True)
class RequestTotal:
    """All calls of one API. Latency runs from the decoded header to the queued reply.

    `throttled_ns` lies before it.
    queued + lock_wait + cond_wait + other = total. With scheduler data other = cpu + runqueue + blocked.
    """

    api: str
    calls: int
    errors: int
    p50_ns: int
    p90_ns: int
    max_ns: int
    total_ns: int
    queued_ns: int
    throttled_ns: int
    lock_wait_ns: int
    cond_wait_ns: int
    other_ns: int
    cpu_ns: int | None = None
    runqueue_ns: int | None = None
    blocked_ns: int | None = None
    locks: tuple[RequestLock, ...] = ()
    held_up_by: tuple[HeldUpBy, ...] = ()


@dataclass(frozen=True, slots=True)
class CallSum:
    """All ended calls of one API, without their waits. `off_cpu_ns` and its part `run_queue_ns` lie outside
    of the calls' futex waits; both are 0 without scheduler data."""

    api: str
    calls: int
    errors: int
    p50_ns: int
    p90_ns: int
    max_ns: int
    total_ns: int
    queued_ns: int
    throttled_ns: int
    off_cpu_ns: int = 0
    run_queue_ns: int = 0


@dataclass(frozen=True, slots=True)
class RequestWait:
    """All waits of calls of one API for one lock. `calls` had one at or above the threshold."""

    api: str
    lock: Lock
    contention: bool
    wait_ns: int
    calls: int


@dataclass(frozen=True, slots=True)
class RequestOwner:
    """Waits of calls of one API that began while a call of another (or the same) held the lock."""

    api: str
    owner_api: str
    lock: Lock
    wait_ns: int
