"""What the end of a trace left beside the sums: how it ran, what still waits, the served calls."""

import sqlite3
from collections import defaultdict
from dataclasses import replace
from typing import Any

from tracer.model.report import Health, ProbeState, Target, TraceInfo
from tracer.model.requests import HeldUpBy, RequestLock, RequestTotal
from tracer.model.waits import Blocked
from tracer.recording.aggregates import HEALTH_COUNTS, REQUEST_NUMBERS
from tracer.recording.objects import Objects


def trace_info(database: sqlite3.Connection) -> TraceInfo:
    """How and when was traced. Raises ValueError where the row is missing."""
    row = database.execute(
        "SELECT version, started, duration_ns, threshold_ns, hook, end_reason, probe_state, probe_hits,"
        " probe_cost_ns_per_hit, probe_on_ns, probe_reason FROM trace"
    ).fetchone()
    if row is None:
        raise ValueError("it says nothing about its trace")
    version, started, duration_ns, threshold_ns, hook, end_reason, *probe = row
    return TraceInfo(
        version,
        tuple(Target(*target) for target in database.execute("SELECT pid, comm, exe FROM target")),
        started,
        duration_ns,
        threshold_ns,
        hook,
        None if probe[0] is None else ProbeState(*probe),
        end_reason,
    )


def health(database: sqlite3.Connection) -> Health:
    counts = dict(database.execute("SELECT name, value FROM health"))
    incomplete = dict(database.execute("SELECT reason, stacks FROM incomplete"))
    notes = tuple(text for (text,) in database.execute("SELECT text FROM note ORDER BY id"))
    known = {name: counts.get(name, 0) for name in HEALTH_COUNTS}
    return Health(**known, incomplete=incomplete, notes=notes)


def still_blocked(database: sqlite3.Connection, objects: Objects, started_ns: int) -> tuple[Blocked, ...]:
    rows = database.execute(
        "SELECT thread, lock, kind, start_ns, wait_ns, before_attach, owner, owner_confirmed, stack, request"
        " FROM blocked ORDER BY id"
    )
    return tuple(
        Blocked(
            objects.threads[thread],
            objects.locks[lock],
            objects.kinds[kind],
            started_ns + start_ns,
            wait_ns,
            bool(before_attach),
            objects.owner(owner, confirmed),
            objects.stacks[stack],
            objects.requests[request],
        )
        for thread, lock, kind, start_ns, wait_ns, before_attach, owner, confirmed, stack, request in rows
    )


def has_requests(database: sqlite3.Connection) -> bool:
    """A source of requests was known, or a wait or release belonged to one."""
    query = "SELECT EXISTS (SELECT 1 FROM request_source) OR EXISTS (SELECT 1 FROM request)"
    return bool(database.execute(query).fetchone()[0])


def request_totals(database: sqlite3.Connection) -> tuple[RequestTotal, ...] | None:
    """By API; None where no request source was known."""
    if database.execute("SELECT 1 FROM request_source").fetchone() is None:
        return None
    locks: defaultdict[int, list[RequestLock]] = defaultdict(list)
    for total, *lock in _ordered(database, "total, lock, identity, wait_ns, calls", "request_lock"):
        locks[total].append(RequestLock(*lock))
    holders: defaultdict[int, list[HeldUpBy]] = defaultdict(list)
    for total, *holder in _ordered(database, "total, api, lock, wait_ns", "request_held_up_by"):
        holders[total].append(HeldUpBy(*holder))
    columns = ", ".join(("id", "api", *REQUEST_NUMBERS))
    return tuple(
        replace(RequestTotal(*row), locks=tuple(locks[total]), held_up_by=tuple(holders[total]))
        for total, *row in _ordered(database, columns, "request_total")
    )


def _ordered(database: sqlite3.Connection, columns: str, table: str) -> list[tuple[Any, ...]]:
    return database.execute(f"SELECT {columns} FROM {table} ORDER BY id").fetchall()
