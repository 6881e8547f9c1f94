"""Waits and releases, summed by what they agree in."""

import sqlite3
from typing import TypeAlias

from tracer.model.kinds import Kind
from tracer.model.locks import Lock
from tracer.model.stacks import Stack
from tracer.model.waits import ReleaseSum, WaitSum
from tracer.recording.objects import Objects
from tracer.recording.totals import ENDED
from tracer.recording.window import Window

SlicedSum: TypeAlias = tuple[Lock, Kind, Stack, int, int, int]
"""A lock, a way of waiting, a stack, the number of a slice of time, waits and nanoseconds."""


def stored_wait_sums(database: sqlite3.Connection, objects: Objects) -> tuple[WaitSum, ...]:
    query = "SELECT lock, kind, stack, thread, request, waits, wait_ns, max_wait_ns FROM wait_sum ORDER BY id"
    return _wait_sums(database.execute(query), objects)


def event_wait_sums(database: sqlite3.Connection, objects: Objects, window: Window) -> tuple[WaitSum, ...]:
    where, values = window.condition(ENDED)
    rows = database.execute(
        "SELECT lock, kind, stack, thread, request, count(*), sum(wait_ns), max(wait_ns) FROM wait"
        f" WHERE {where} GROUP BY lock, kind, stack, thread, request ORDER BY 7 DESC",
        values,
    )
    return _wait_sums(rows, objects)


def _wait_sums(rows: sqlite3.Cursor, objects: Objects) -> tuple[WaitSum, ...]:
    return tuple(
        WaitSum(
            objects.locks[lock],
            objects.kinds[kind],
            objects.stacks[stack],
            objects.threads[thread],
            objects.requests[request],
            *numbers,
        )
        for lock, kind, stack, thread, request, *numbers in rows
    )


def event_sliced_sums(
    database: sqlite3.Connection, objects: Objects, slice_ns: int, last_slice: int, threshold_ns: int
) -> tuple[SlicedSum, ...]:
    """By the slice of time in which waits ended; before the trace's start is the first one."""
    rows = database.execute(
        "SELECT lock, kind, stack, count(*), sum(wait_ns),"
        f" max(0, min(?, ({ENDED}) / ?)) AS slice"
        " FROM wait WHERE wait_ns >= ? GROUP BY lock, kind, stack, slice",
        (last_slice, slice_ns, threshold_ns),
    )
    return tuple(
        (objects.locks[lock], objects.kinds[kind], objects.stacks[stack], slice_, waits, wait_ns)
        for lock, kind, stack, waits, wait_ns, slice_ in rows
    )


def stored_release_sums(database: sqlite3.Connection, objects: Objects) -> tuple[ReleaseSum, ...]:
    query = "SELECT lock, what, stack, thread, request, releases, blame_ns FROM release_sum ORDER BY id"
    return _release_sums(database.execute(query), objects)


def event_release_sums(
    database: sqlite3.Connection, objects: Objects, window: Window
) -> tuple[ReleaseSum, ...]:
    where, values = window.condition("time_ns")
    rows = database.execute(
        "SELECT lock, what, stack, thread, request, count(*), sum(blame_ns) FROM release"
        f" WHERE {where} GROUP BY lock, what, stack, thread, request ORDER BY 7 DESC",
        values,
    )
    return _release_sums(rows, objects)


def _release_sums(rows: sqlite3.Cursor, objects: Objects) -> tuple[ReleaseSum, ...]:
    return tuple(
        ReleaseSum(
            objects.locks[lock],
            objects.release_kinds[what],
            None if stack is None else objects.stacks[stack],
            None if thread is None else objects.threads[thread],
            objects.requests[request],
            *numbers,
        )
        for lock, what, stack, thread, request, *numbers in rows
    )
