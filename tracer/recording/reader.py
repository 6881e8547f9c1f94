"""Reading a recording: the sums that a report is folded from, and the events one by one."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

from tracer.errors import FileError
from tracer.model.report import Health, TraceInfo
from tracer.model.requests import RequestTotal
from tracer.model.waits import Blocked, LockTotal, Release, ReleaseSum, Wait, WaitSum
from tracer.recording import ending, sums, totals
from tracer.recording.files import open_existing
from tracer.recording.objects import Objects
from tracer.recording.window import WHOLE, Window

WaitRow: TypeAlias = tuple[int, int, int, int, int, int, int, int, int | None, int, int | None, int | None]
WAIT_COLUMNS = (
    "start_ns, wait_ns, thread, lock, kind, outcome, sleeps, stack, owner, owner_confirmed,"
    " request, owner_request"
)
CUT_OFF = "the recording was cut off: its totals are those of its recorded waits, shorter ones are missing"
PART = "a part of the trace: its totals are those of its recorded waits, shorter ones are missing"
CALLS = "how many requests were served, and in what time, is recorded of a whole trace only, at its end"


class Recording:
    """One recording, opened for reading. Every method raises FileError where the file is damaged.

    A finished recording, read whole, gives the very sums of its trace. One that was cut off, and a window
    of one, are summed from their events, and their health says so.
    """

    def __init__(self, path: str | Path) -> None:
        """Raises FileError where the file is no recording, or one of another version."""
        self.path = Path(path)
        self._database = open_existing(self.path)
        self.objects = Objects(self._database)
        with self._damage():
            row = self._database.execute("SELECT started_ns, finished FROM trace").fetchone()
            if row is None:
                raise ValueError("it says nothing about its trace")
            self.started_ns: int = row[0]
            self.finished = bool(row[1])

    def __enter__(self) -> "Recording":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._database.close()

    @cached_property
    def environment(self) -> dict[str, str]:
        """The machine that the trace was made on."""
        with self._damage():
            return dict(self._database.execute("SELECT name, value FROM environment"))

    @cached_property
    def build_ids(self) -> dict[str, str | None]:
        """By a module's path."""
        with self._damage():
            return self.objects.build_ids

    def info(self, window: Window = WHOLE) -> TraceInfo:
        """How and when was traced; `started` and `duration_ns` are the window's."""
        with self._damage():
            info = ending.trace_info(self._database)
            started = datetime.fromisoformat(info.started)
        if window.since_ns:
            later = started + timedelta(microseconds=window.since_ns / 1000)
            info = replace(info, started=later.isoformat())
        return replace(info, duration_ns=window.duration_ns(info.duration_ns))

    def health(self, window: Window = WHOLE) -> Health:
        """The whole trace's health, with a note where the sums are not the whole trace's."""
        with self._damage():
            health = ending.health(self._database)
            served = ending.has_requests(self._database)
        notes = () if self.finished else (CUT_OFF,)
        parts = () if window.whole else (PART,)
        calls = (CALLS,) if served and not self._stored(window) else ()
        return replace(health, notes=(*health.notes, *notes, *parts, *calls))

    def lock_totals(self, window: Window = WHOLE) -> tuple[LockTotal, ...]:
        """Of ended waits. From events alone they know nothing of short waits, acquisitions and EAGAIN."""
        with self._damage():
            if self._stored(window):
                return totals.stored_totals(self._database, self.objects)
            return totals.event_totals(self._database, self.objects, window)

    def wait_sums(self, window: Window = WHOLE) -> tuple[WaitSum, ...]:
        with self._damage():
            if self._stored(window):
                return sums.stored_wait_sums(self._database, self.objects)
            return sums.event_wait_sums(self._database, self.objects, window)

    def sliced_sums(self, slices: int, threshold_ns: int) -> tuple[sums.SlicedSum, ...]:
        """Waits of `threshold_ns` or more in so many equal slices of the trace."""
        slice_ns = max(1, -(-self.info().duration_ns // slices))
        with self._damage():
            return sums.event_sliced_sums(self._database, self.objects, slice_ns, slices - 1, threshold_ns)

    def release_sums(self, window: Window = WHOLE) -> tuple[ReleaseSum, ...]:
        """From events alone, without the rows that no single stack stands for."""
        with self._damage():
            if self._stored(window):
                return sums.stored_release_sums(self._database, self.objects)
            return sums.event_release_sums(self._database, self.objects, window)

    def blocked(self, window: Window = WHOLE) -> tuple[Blocked, ...]:
        """What still waited at the end, for a window that reaches it."""
        if not window.to_the_end:
            return ()
        with self._damage():
            return ending.still_blocked(self._database, self.objects, self.started_ns)

    def requests(self, window: Window = WHOLE) -> tuple[RequestTotal, ...] | None:
        """Of the whole trace; None for a part of it, and where no request source was known."""
        if not window.whole:
            return None
        with self._damage():
            return ending.request_totals(self._database)

    def waits(self, window: Window = WHOLE) -> Iterator[Wait]:
        """The recorded waits, by their start. Times are CLOCK_MONOTONIC, as in the trace."""
        objects, zero = self.objects, self.started_ns
        for row in self.wait_rows(window):
            start_ns, wait_ns, thread, lock, kind, outcome, sleeps, stack, owner, confirmed, *requests = row
            with self._damage():
                wait = Wait(
                    objects.threads[thread],
                    objects.locks[lock],
                    objects.kinds[kind],
                    zero + start_ns,
                    zero + start_ns + wait_ns,
                    sleeps,
                    objects.outcomes[outcome],
                    objects.stacks[stack],
                    objects.owner(owner, confirmed),
                    objects.requests[requests[0]],
                    objects.requests[requests[1]],
                )
            yield wait

    def wait_rows(self, window: Window = WHOLE) -> Iterator[WaitRow]:
        """The recorded waits, by their start, as WAIT_COLUMNS: ids are those of `objects`."""
        where, values = window.condition(totals.ENDED)
        return self._rows(f"SELECT {WAIT_COLUMNS} FROM wait WHERE {where} ORDER BY start_ns", values)

    def releases(self, window: Window = WHOLE) -> Iterator[Release]:
        """The recorded releases, by time. Times are CLOCK_MONOTONIC, as in the trace."""
        objects = self.objects
        where, values = window.condition("time_ns")
        query = "SELECT time_ns, blame_ns, thread, lock, what, stack, request FROM release"
        for time_ns, blame_ns, thread, lock, what, stack, request in self._rows(
            f"{query} WHERE {where} ORDER BY time_ns", values
        ):
            with self._damage():
                release = Release(
                    objects.threads[thread],
                    objects.locks[lock],
                    objects.release_kinds[what],
                    self.started_ns + time_ns,
                    blame_ns,
                    objects.stacks[stack],
                    objects.requests[request],
                )
            yield release

    def _stored(self, window: Window) -> bool:
        return self.finished and window.whole

    def _rows(self, query: str, values: tuple[int, ...]) -> Iterator[Any]:
        with self._damage():
            yield from self._database.execute(query, values)

    @contextmanager
    def _damage(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, KeyError, ValueError, TypeError, OverflowError) as error:
            raise FileError(f"{self.path} is damaged: {error}") from error
