"""What `attach` and `record` share: a session run with its watchers, its outputs written."""

import sys
from dataclasses import dataclass

from tracer.config import TraceConfig
from tracer.launching import Launched
from tracer.model.kinds import Kind
from tracer.model.report import Report
from tracer.options import Filters
from tracer.outputs import Outputs
from tracer.recording.files import prepare
from tracer.recording.writer import Recorder
from tracer.session import Session
from tracer.telling import LiveTeller, RecordingTeller
from tracer.watching import Watcher


@dataclass(frozen=True, slots=True)
class Telling:
    """How a trace is told while it runs. `rate`: live lines a second, None: no live lines."""

    rate: int | None
    recording: str | None = None


ALL = Filters(frozenset(Kind))


def trace(
    config: TraceConfig, telling: Telling, outputs: Outputs, launched: Launched | None = None
) -> Report:
    """Attaches, listens, reports; detaches whatever happens. Raises LockwatchError.

    A launched command is let go once it is traced.
    """
    if telling.recording is not None:
        prepare(telling.recording)
    with Session(config, launched) as session:
        info = session.attach()
        names = ", ".join(f"{target.comm} ({target.pid})" for target in info.targets)
        print(f"lockwatch: attached to {names}; Ctrl-C ends in the report", file=sys.stderr)
        watchers: list[Watcher] = []
        if telling.rate is not None:
            watchers.append(LiveTeller(outputs.people, telling.rate, config.filters))
        recording = None
        if telling.recording is not None:
            recorder = Recorder(
                telling.recording, info, started_ns=session.started_ns, build_id=session.symbolizer.build_id
            )
            recording = RecordingTeller(recorder)
            watchers.append(recording)
        if launched is not None:
            launched.go()
        session.run(watchers)
        session.settle(watchers)
        for watcher in watchers:
            watcher.close()
        if recording is not None:
            outputs.failure = recording.finish(session.report(ALL))
        return session.report(config.filters)
