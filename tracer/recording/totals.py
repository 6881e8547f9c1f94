"""Per lock: the totals that a finished trace left, or those of the recorded events alone."""

import sqlite3
from collections import defaultdict
from typing import Any

from tracer.model.kinds import Outcome
from tracer.model.waits import LockTotal, OwnerSum
from tracer.recording.objects import Objects
from tracer.recording.window import Window

ENDED = "start_ns + wait_ns"
BUCKETS = 64
TOTAL_NUMBERS = (
    *("waits", "wait_ns", "max_wait_ns", "sleeps", "timeouts", "interrupted", "long_waits", "long_wait_ns"),
    *("eagain", "acquisitions"),
)


def stored_totals(database: sqlite3.Connection, objects: Objects) -> tuple[LockTotal, ...]:
    """Every ended wait of any length, as the trace's end left it; those that had not ended are apart."""
    histograms: defaultdict[int, dict[int, int]] = defaultdict(dict)
    for lock, log2_ns, waits in database.execute("SELECT lock, log2_ns, waits FROM lock_histogram"):
        histograms[lock][log2_ns] = waits
    owners: defaultdict[int, list[OwnerSum]] = defaultdict(list)
    for lock, *owner in database.execute(
        "SELECT lock, tid, thread, waits, wait_ns, confirmed FROM lock_owner ORDER BY id"
    ):
        owners[lock].append(OwnerSum(*owner))
    columns = ", ".join(("lock", "acquisitions_estimated", "acquisitions_saturated", *TOTAL_NUMBERS))
    return tuple(
        LockTotal(
            objects.locks[lock],
            acquisitions_estimated=bool(estimated),
            acquisitions_saturated=bool(saturated),
            histogram=_dense(histograms[lock]),
            owners=tuple(owners[lock]),
            **_named(numbers),
        )
        for lock, estimated, saturated, *numbers in database.execute(
            f"SELECT {columns} FROM lock_total ORDER BY id"
        )
    )


def _named(numbers: list[int]) -> dict[str, Any]:
    return dict(zip(TOTAL_NUMBERS, numbers, strict=True))


def event_totals(database: sqlite3.Connection, objects: Objects, window: Window) -> tuple[LockTotal, ...]:
    """The recorded waits of a window, longest waited for first."""
    where, values = window.condition(ENDED)
    numbers = {outcome: number for number, outcome in objects.outcomes.items()}
    ends = numbers[Outcome.TIMEOUT], numbers[Outcome.INTERRUPTED]
    sums = database.execute(
        "SELECT lock, count(*), sum(wait_ns), max(wait_ns), sum(sleeps), sum(outcome = ?), sum(outcome = ?)"
        f" FROM wait WHERE {where} GROUP BY lock ORDER BY 3 DESC, lock",
        (*ends, *values),
    ).fetchall()
    histograms = _event_histograms(database, window)
    owners = _event_owners(database, objects, window)
    return tuple(
        LockTotal(
            objects.locks[lock],
            waits,
            wait_ns,
            max_wait_ns,
            sleeps,
            timeouts,
            interrupted,
            long_waits=waits,
            long_wait_ns=wait_ns,
            histogram=_dense(histograms[lock]),
            owners=tuple(owners[lock]),
        )
        for lock, waits, wait_ns, max_wait_ns, sleeps, timeouts, interrupted in sums
    )


def _event_histograms(database: sqlite3.Connection, window: Window) -> defaultdict[int, dict[int, int]]:
    where, values = window.condition(ENDED)
    database.create_function("log2_floor", 1, _log2_floor, deterministic=True)
    histograms: defaultdict[int, dict[int, int]] = defaultdict(dict)
    for lock, log2_ns, waits in database.execute(
        f"SELECT lock, log2_floor(wait_ns) AS bucket, count(*) FROM wait WHERE {where} GROUP BY lock, bucket",
        values,
    ):
        histograms[lock][log2_ns] = waits
    return histograms


def _event_owners(
    database: sqlite3.Connection, objects: Objects, window: Window
) -> defaultdict[int, list[OwnerSum]]:
    where, values = window.condition(ENDED)
    owners: defaultdict[int, list[OwnerSum]] = defaultdict(list)
    for lock, owner, waits, wait_ns, confirmed in database.execute(
        "SELECT lock, owner, count(*), sum(wait_ns), sum(owner_confirmed) FROM wait"
        f" WHERE owner IS NOT NULL AND {where} GROUP BY lock, owner ORDER BY 4 DESC",
        values,
    ):
        thread = objects.threads[owner]
        owners[lock].append(OwnerSum(thread.tid, thread.name, waits, wait_ns, confirmed))
    return owners


def _log2_floor(nanoseconds: int) -> int:
    return max(0, nanoseconds.bit_length() - 1)


def _dense(counts: dict[int, int]) -> tuple[int, ...]:
    if not all(0 <= bucket < BUCKETS for bucket in counts):
        raise ValueError("a histogram has waits of no possible length")
    return tuple(counts.get(bucket, 0) for bucket in range(max(counts, default=-1) + 1))
