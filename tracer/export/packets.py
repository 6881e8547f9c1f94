"""Perfetto's packets: tracks are described and names interned when they are first needed."""

from collections.abc import Iterable
from typing import Any, BinaryIO

from tracer.export.protos import messages

SEQUENCE = 1
# enum TracePacket.SequenceFlags
CLEARED, NEEDED = 1, 2
# enum TrackEvent.Type
SLICE_BEGIN, SLICE_END, INSTANT, COUNTER = 1, 2, 3, 4
# enum BuiltinClock
REALTIME, MONOTONIC = 1, 3

Fact = tuple[str, str | int]


class Packets:
    """Writes one packet after the other; a file of them is one Trace message."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._messages = messages("perfetto")
        self._tracks: dict[tuple[str, int, int], int] = {}
        self._interned: dict[tuple[str, str], int] = {}

    def begin(self, monotonic_ns: int, epoch_ns: int) -> None:
        """Says which clock the times are of, and where on the calendar they lie."""
        trace, packet = self._new(flags=CLEARED)
        packet.trace_packet_defaults.timestamp_clock_id = MONOTONIC
        packet.clock_snapshot.primary_trace_clock = MONOTONIC
        packet.clock_snapshot.clocks.add(clock_id=MONOTONIC, timestamp=monotonic_ns)
        packet.clock_snapshot.clocks.add(clock_id=REALTIME, timestamp=epoch_ns)
        self._write(trace)

    def process(self, pid: int, name: str) -> int:
        """A process's track."""
        known, track = self._track("process", pid, 0)
        if not known:
            trace, packet = self._new()
            packet.track_descriptor.uuid = track
            packet.track_descriptor.process.pid = pid
            packet.track_descriptor.process.process_name = name
            self._write(trace)
        return track

    def thread(self, pid: int, tid: int, name: str) -> int:
        known, track = self._track("thread", pid, tid)
        if not known:
            trace, packet = self._new()
            packet.track_descriptor.uuid = track
            packet.track_descriptor.parent_uuid = self.process(pid, str(pid))
            packet.track_descriptor.thread.pid = pid
            packet.track_descriptor.thread.tid = tid
            packet.track_descriptor.thread.thread_name = name
            self._write(trace)
        return track

    def counter(self, pid: int, number: int, name: str) -> int:
        known, track = self._track("counter", pid, number)
        if not known:
            trace, packet = self._new()
            packet.track_descriptor.uuid = track
            packet.track_descriptor.parent_uuid = self.process(pid, str(pid))
            packet.track_descriptor.name = name
            packet.track_descriptor.counter.unit_name = "threads"
            self._write(trace)
        return track

    def slice_begin(self, track: int, time_ns: int, name: str, category: str, facts: Iterable[Fact]) -> None:
        self._write(self._named(SLICE_BEGIN, track, time_ns, name, category, facts)[0])

    def slice_end(self, track: int, time_ns: int, flow: int) -> None:
        """`flow`: the arrow that ends here; 0: none."""
        trace, event = self._event(SLICE_END, track, time_ns)
        if flow:
            event.terminating_flow_ids.append(flow)
        self._write(trace)

    def instant(
        self, track: int, time_ns: int, name: str, category: str, facts: Iterable[Fact], flow: int
    ) -> None:
        """`flow`: the arrow that starts here."""
        trace, event = self._named(INSTANT, track, time_ns, name, category, facts)
        event.flow_ids.append(flow)
        self._write(trace)

    def count(self, track: int, time_ns: int, value: int) -> None:
        trace, event = self._event(COUNTER, track, time_ns)
        event.counter_value = value
        self._write(trace)

    def _named(
        self, kind: int, track: int, time_ns: int, name: str, category: str, facts: Iterable[Fact]
    ) -> tuple[Any, Any]:
        trace, event = self._event(kind, track, time_ns)
        packet = trace.packet[0]
        event.name_iid = self._intern(packet, "event_names", name)
        event.category_iids.append(self._intern(packet, "event_categories", category))
        for key, value in facts:
            annotation = event.debug_annotations.add()
            annotation.name_iid = self._intern(packet, "debug_annotation_names", key)
            if isinstance(value, int):
                annotation.int_value = value
            else:
                strings = "debug_annotation_string_values"
                annotation.string_value_iid = self._intern(packet, strings, value)
        return trace, event

    def _intern(self, packet: Any, table: str, text: str) -> int:
        known = self._interned.get((table, text))
        if known is None:
            known = self._interned[table, text] = len(self._interned) + 1
            entry = getattr(packet.interned_data, table).add(iid=known)
            if table == "debug_annotation_string_values":
                entry.str = text.encode()
            else:
                entry.name = text
        return known

    def _track(self, sort: str, pid: int, number: int) -> tuple[bool, int]:
        """Whether it is described already, and its uuid."""
        known = self._tracks.get((sort, pid, number))
        if known is not None:
            return True, known
        track = self._tracks[sort, pid, number] = len(self._tracks) + 1
        return False, track

    def _event(self, kind: int, track: int, time_ns: int) -> tuple[Any, Any]:
        trace, packet = self._new()
        packet.timestamp = time_ns
        event = packet.track_event
        event.type = kind
        event.track_uuid = track
        return trace, event

    def _new(self, flags: int = 0) -> tuple[Any, Any]:
        trace = self._messages.Trace()
        packet = trace.packet.add(trusted_packet_sequence_id=SEQUENCE, sequence_flags=flags | NEEDED)
        return trace, packet

    def _write(self, trace: Any) -> None:
        self._out.write(trace.SerializeToString())
