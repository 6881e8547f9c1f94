"""A session run with its watchers, its outputs written."""

import sys

from tracer.beginning import Beginning
from tracer.commands.showing import show
from tracer.commands.tracing import Telling
from tracer.config import TraceConfig
from tracer.launching import Launched
from tracer.model.kinds import Kind
from tracer.options import Filters
from tracer.outputs import Outputs
from tracer.recording.files import prepare
from tracer.recording.writer import Recorder
from tracer.session import Session
from tracer.telling import LiveTeller, RecordingTeller
from tracer.watching import Watcher

ALL = Filters(frozenset(Kind))


def run(
    beginning: Beginning, config: TraceConfig, telling: Telling, outputs: Outputs, launched: Launched | None
) -> None:
    """Traces to the end and shows the report. Raises LockwatchError."""
    if telling.recording is not None:
        prepare(telling.recording)
    with Session(config, beginning, launched) as session:
        info = session.attach()
        names = ", ".join(f"{target.comm} ({target.pid})" for target in info.targets)
        print(f"lockwatch: attached to {names}; Ctrl-C ends in the report", file=sys.stderr)
        watchers: list[Watcher] = []
        if telling.rate is not None:
            watchers.append(LiveTeller(outputs.people, telling.rate, config.filters, session.stop))
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
        report = session.report(config.filters)
        session.detach()
        show(report, config.filters, outputs)
