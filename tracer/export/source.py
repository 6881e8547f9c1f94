"""What an export is made from."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, TypeAlias

from tracer.model.report import Report
from tracer.model.stacks import Stack
from tracer.model.waits import Blocked, Release, Wait
from tracer.options import Filters
from tracer.output.names import printable
from tracer.recording import Recording, Window
from tracer.recording.folding import folded_report


@dataclass(frozen=True, slots=True)
class Source:
    """The part of a recording that is exported. Everything raises FileError where the file is damaged."""

    recording: Recording
    filters: Filters
    window: Window

    def report(self) -> Report:
        return folded_report(self.recording, self.filters, self.window)

    def waits(self) -> Iterator[Wait]:
        """By their start."""
        return (w for w in self.recording.waits(self.window) if self.filters.accepts(w.lock, w.kind))

    def releases(self) -> Iterator[Release]:
        """By time."""
        return (r for r in self.recording.releases(self.window) if self.filters.accepts_releases(r.lock))

    def blocked(self) -> Iterator[Blocked]:
        """What had not ended."""
        return (b for b in self.recording.blocked(self.window) if self.filters.accepts(b.lock, b.kind))

    @property
    def started_ns(self) -> int:
        """The trace's start on CLOCK_MONOTONIC."""
        return self.recording.started_ns

    @property
    def started_epoch_ns(self) -> int:
        """The trace's start since 1970."""
        started = datetime.fromisoformat(self.recording.info().started)
        return round(started.timestamp() * 1_000_000) * 1000


Writer: TypeAlias = Callable[[Source, BinaryIO], None]


def frame_names(stack: Stack) -> tuple[str, ...]:
    """Innermost first; one that says why the stack is incomplete stands for what is missing."""
    names = tuple(printable(frame.label) for frame in stack.frames)
    return names if stack.complete else (*names, f"[incomplete: {stack.end}]")
