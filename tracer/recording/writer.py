"""Writing a recording while the trace runs."""

import sqlite3
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from tracer.errors import FileError
from tracer.model.report import Report, TraceInfo
from tracer.model.waits import Release, Wait
from tracer.recording.aggregates import queue_report
from tracer.recording.environment import environment
from tracer.recording.files import create
from tracer.recording.interning import KIND_IDS, OUTCOME_IDS, RELEASE_IDS, BuildId, Interner
from tracer.recording.pending import Pending
from tracer.recording.schema import storable

# How long the end of a trace waits for somebody who reads the file.
FINISH_BUSY_MS = 10_000
KEPT = "what was recorded until now can be read"
CORRECTION = "UPDATE wait SET wait_ns = ?, outcome = ?, sleeps = ?, owner_confirmed = ? WHERE rowid = ?"


class Recorder:
    """One SQLite file, of which a crash, a full disk or SIGKILL costs the rows since the last `flush` only.

    `wait` and `release` queue an event; `flush`, called each second, writes what is queued; `finish` adds the
    aggregates of a report that was folded without filters. `close` alone leaves a recording that was cut off.
    """

    def __init__(
        self,
        path: str | Path,
        info: TraceInfo,
        *,
        started_ns: int | None = None,
        build_id: BuildId = lambda path: None,
    ) -> None:
        """Creates the file; raises FileError where that cannot be done.

        `started_ns` is info.started on CLOCK_MONOTONIC; `build_id` gives that of a module's path, if known.
        """
        self._path = Path(path)
        self._started_ns = _monotonic(info.started) if started_ns is None else started_ns
        self._database: sqlite3.Connection | None = create(self._path)
        self._pending = Pending()
        self._ids = Interner(self._pending, build_id)
        # Rows are numbered from 1 in the order of their insertion.
        self._waits = 0
        self._last_waits: dict[int, tuple[int, int]] = {}
        self._queue_start(info)
        self._write(info.duration_ns)

    def wait(self, wait: Wait) -> None:
        """Queues a wait that has ended, as far as is known."""
        ids = self._ids
        owner = wait.owner
        thread = ids.waiter(wait.thread)
        self._waits += 1
        self._last_waits[thread] = wait.started_ns, self._waits
        self._pending.insert(
            "wait",
            (
                wait.started_ns - self._started_ns,
                wait.ended_ns - wait.started_ns,
                thread,
                ids.lock(wait.lock),
                KIND_IDS[wait.kind],
                OUTCOME_IDS[wait.outcome],
                wait.sleeps,
                ids.stack(wait.stack),
                ids.owner(wait.thread.pid, owner),
                int(owner is not None and owner.confirmed),
                ids.request(wait.request),
                ids.request(wait.owner_request),
            ),
        )

    def correct(self, wait: Wait) -> None:
        """Queues what has become of its thread's last wait, which went on after it was queued."""
        started_ns, row = self._last_waits.get(self._ids.waiter(wait.thread), (None, 0))
        if started_ns != wait.started_ns:
            self.wait(wait)
            return
        confirmed = int(wait.owner is not None and wait.owner.confirmed)
        now = wait.wait_ns, OUTCOME_IDS[wait.outcome], wait.sleeps, confirmed
        self._pending.update(CORRECTION, (*now, row))

    def release(self, release: Release) -> None:
        """Queues a release that was charged with the threshold or more."""
        ids = self._ids
        self._pending.insert(
            "release",
            (
                release.time_ns - self._started_ns,
                release.blame_ns,
                ids.waiter(release.thread),
                ids.lock(release.lock),
                RELEASE_IDS[release.what],
                ids.stack(release.stack),
                ids.request(release.request),
            ),
        )

    def flush(self) -> None:
        """Writes what is queued. Raises FileError, once, where the file cannot grow: recording is then over.

        While somebody else reads the file, the rows are kept for the next flush.
        """
        self._write(max(0, time.monotonic_ns() - self._started_ns))

    def finish(self, report: Report) -> None:
        """Writes the rest and the aggregates, and closes the file. Raises FileError."""
        if self._database is None:
            return
        self._database.execute(f"PRAGMA busy_timeout = {FINISH_BUSY_MS}")
        queue_report(self._pending, self._ids, report, self._started_ns)
        self._pending.update("UPDATE trace SET finished = ?", (1,))
        self._write(report.info.duration_ns, last=True)
        self.close()

    def close(self) -> None:
        """Closes the file. Nothing is taken any more; closing again does nothing."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _queue_start(self, info: TraceInfo) -> None:
        times = info.started, self._started_ns, info.duration_ns, info.threshold_ns
        probe = (None,) * 5
        self._pending.insert("trace", (storable(info.version), *times, info.hook, info.end_reason, 0, *probe))
        for target in info.targets:
            self._pending.insert("target", (target.pid, storable(target.comm), storable(target.exe)))
        for name, value in environment().items():
            self._pending.insert("environment", (name, storable(value)))
        for kind, number in KIND_IDS.items():
            self._pending.insert("kind", (number, str(kind), int(kind.contention)))
        for outcome, number in OUTCOME_IDS.items():
            self._pending.insert("outcome", (number, str(outcome)))
        for what, number in RELEASE_IDS.items():
            self._pending.insert("release_kind", (number, str(what)))

    def _write(self, duration_ns: int, last: bool = False) -> None:
        if self._database is None:
            self._pending.drop()
            return
        self._pending.replace("UPDATE trace SET duration_ns = ?", (duration_ns,))
        try:
            self._pending.write(self._database)
        except sqlite3.Error as error:
            if _busy(error) and not last:
                return
            self.close()
            raise FileError(f"cannot write {self._path}: {error}", KEPT) from error


def _busy(error: sqlite3.Error) -> bool:
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


def _monotonic(started: str, now: Callable[[], int] = time.monotonic_ns) -> int:
    """`started`, an ISO 8601 time of the recent past, on CLOCK_MONOTONIC."""
    moment = datetime.fromisoformat(started)
    elapsed = datetime.now(moment.tzinfo) - moment
    return now() - round(elapsed.total_seconds() * 1e9)
