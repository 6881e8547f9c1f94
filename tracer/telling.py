"""Watchers: live lines for people, rows for a recording."""

import sys
import time
from collections.abc import Callable, Sequence
from typing import TextIO

from tracer.errors import FileError
from tracer.model.kinds import Kind
from tracer.model.report import ProbeState, Report
from tracer.model.waits import Blocked, Release, Wait
from tracer.options import Filters
from tracer.output.deadlocks import deadlock_sentence
from tracer.output.live import LiveView
from tracer.recording.writer import Recorder

FLUSH_NS = 1_000_000_000


class LiveTeller:
    """Live lines of what passes the filters, `rate` a second at most; `stop` ends what nobody reads."""

    wants_releases = False

    def __init__(self, out: TextIO, rate: int, filters: Filters, stop: Callable[[str], None]) -> None:
        self._view = LiveView(out, rate)
        self._filters = filters
        self._stop = stop
        self._read = True

    def wants(self, kind: Kind) -> bool:
        """Without room for a line and a pattern to try on its name, a wait is only counted."""
        if not self._read:
            return False
        if kind not in self._filters.kinds and kind.of_lock not in self._filters.kinds:
            return False
        if self._filters.lock is None and not self._view.has_room():
            self._view.held_back(1)
            return False
        return True

    def wait(self, wait: Wait, corrects: bool) -> None:
        if self._filters.accepts_lock(wait.lock):
            self._tell(lambda: self._view.wait(wait, corrects))

    def release(self, release: Release) -> None:
        """Releases have no line of their own."""

    def lasts(self, blocked: Blocked) -> None:
        if self._filters.accepts_lock(blocked.lock):
            self._tell(lambda: self._view.blocked(blocked))

    def deadlock(self, cycle: Sequence[Blocked]) -> None:
        self._tell(lambda: self._view.deadlock(deadlock_sentence(cycle), time.monotonic_ns()))

    def probe(self, state: ProbeState) -> None:
        self._tell(lambda: self._view.probe(state, time.monotonic_ns()))

    def tick(self) -> None:
        self._tell(self._view.tick)

    def close(self) -> None:
        self._tell(self._view.close)

    def _tell(self, line: Callable[[], None]) -> None:
        if not self._read:
            return
        try:
            line()
        except BrokenPipeError:
            self._read = False
            self._stop("nobody reads its output")


class RecordingTeller:
    """Every long wait and release, on disk within a second. A recording that cannot grow ends, loudly."""

    wants_releases = True

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._flushed_ns = time.monotonic_ns()
        self.failure: FileError | None = None

    def wants(self, kind: Kind) -> bool:
        return self.failure is None

    def wait(self, wait: Wait, corrects: bool) -> None:
        if corrects:
            self._recorder.correct(wait)
        else:
            self._recorder.wait(wait)

    def release(self, release: Release) -> None:
        if self.failure is None:
            self._recorder.release(release)

    def lasts(self, blocked: Blocked) -> None:
        """What has not ended is written at the end."""

    def deadlock(self, cycle: Sequence[Blocked]) -> None:
        """The blocked threads of it are written at the end."""

    def probe(self, state: ProbeState) -> None:
        """Its last state is written at the end."""

    def tick(self) -> None:
        now = time.monotonic_ns()
        if self.failure is not None or now - self._flushed_ns < FLUSH_NS:
            return
        self._flushed_ns = now
        try:
            self._recorder.flush()
        except FileError as error:
            self.failure = error
            print(f"lockwatch: {error.message}\n  {error.hint}; the trace goes on", file=sys.stderr)

    def finish(self, report: Report) -> FileError | None:
        """Writes the end, of everything that was found; returns what has kept the recording from growing."""
        try:
            self._recorder.finish(report)
        except FileError as error:
            self.failure = error
        return self.failure

    def close(self) -> None:
        """Nothing to say."""
