"""A trace for Perfetto: a slice a wait on its thread's track, an arrow from the release that ended it, and a
counter of waiters for each lock."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from tracer.export.packets import Packets
from tracer.export.source import Source, frame_names
from tracer.export.timeline import Moment, Step, timeline
from tracer.model.locks import Lock
from tracer.model.stacks import Stack
from tracer.output.names import printable


def write(source: Source, out: BinaryIO) -> None:
    """Times are CLOCK_MONOTONIC; a clock snapshot ties them to the calendar."""
    packets = Packets(out)
    packets.begin(source.started_ns, source.started_epoch_ns)
    for target in source.recording.info().targets:
        packets.process(target.pid, printable(target.comm))
    view = _View(packets)
    for moment in timeline(source):
        view.show(moment)


class _View:
    """The moments of a trace as packets. Waiters are counted per lock."""

    def __init__(self, packets: Packets) -> None:
        self._packets = packets
        self._waiters: defaultdict[Lock, int] = defaultdict(int)
        self._stacks: dict[Stack, str] = {}

    def show(self, moment: Moment) -> None:
        track = self._packets.thread(moment.thread.pid, moment.thread.tid, printable(moment.thread.name))
        if moment.step is Step.BEGIN:
            name = f"lock {printable(moment.lock.name)}"
            self._packets.slice_begin(track, moment.time_ns, name, moment.what, self._facts(moment))
            self._count(moment, 1)
        elif moment.step is Step.END:
            self._packets.slice_end(track, moment.time_ns, moment.flow)
            self._count(moment, -1)
        else:
            name = f"{moment.what} {printable(moment.lock.name)}"
            self._packets.instant(track, moment.time_ns, name, moment.what, self._facts(moment), moment.flow)

    def _count(self, moment: Moment, change: int) -> None:
        lock = moment.lock
        self._waiters[lock] += change
        track = self._packets.counter(lock.pid, lock.address, f"waiters: {printable(lock.name)}")
        self._packets.count(track, moment.time_ns, self._waiters[lock])

    def _facts(self, moment: Moment) -> Iterator[tuple[str, str | int]]:
        facts = (
            (name, printable(value) if isinstance(value, str) else value) for name, value in moment.facts
        )
        return chain(facts, (("stack", self._stack(moment.stack)),))

    def _stack(self, stack: Stack) -> str:
        """One frame a line, innermost first."""
        text = self._stacks.get(stack)
        if text is None:
            text = self._stacks[stack] = "\n".join(frame_names(stack))
        return text
