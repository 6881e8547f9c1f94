"""Served calls of a server whose requests are known."""

from dataclasses import dataclass


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
    """All calls of one API. Latency runs from the decoded header to the queued reply; `throttled_ns` lies before.

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
