"""Who is told of a trace's findings as they come."""

from collections.abc import Sequence
from typing import Protocol

from tracer.model.kinds import Kind
from tracer.model.report import ProbeState
from tracer.model.waits import Blocked, Release, Wait


class Watcher(Protocol):
    """`wants` is asked first: what nobody wants is not symbolized."""

    wants_releases: bool

    def wants(self, kind: Kind) -> bool: ...

    def wait(self, wait: Wait, corrects: bool) -> None:
        """A wait is over. `corrects`: it was told before, and has gone on since."""

    def release(self, release: Release) -> None:
        """A release was charged with the threshold or more."""

    def lasts(self, blocked: Blocked) -> None:
        """A wait has not ended for long."""

    def deadlock(self, cycle: Sequence[Blocked]) -> None:
        """Threads wait for each other."""

    def probe(self, state: ProbeState) -> None:
        """The mutex probe no longer counts everything."""

    def tick(self) -> None:
        """Called several times a second."""

    def close(self) -> None:
        """The trace is over."""
