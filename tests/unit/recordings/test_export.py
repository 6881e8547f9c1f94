"""Exports, read back as their readers do."""

import csv
import gzip
import io
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import recording_models as made
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TracePacket, TrackEvent
from recording_models import MS, PID, SECOND, ZERO, record

from tracer.errors import UsageError
from tracer.export.formats import Format, writer
from tracer.export.protos import describe, messages
from tracer.export.source import Source
from tracer.model.kinds import Kind
from tracer.options import Filters
from tracer.recording import WHOLE, Recording, Window

ALL = Filters(frozenset(Kind))


def exported(
    tmp_path: Path,
    chosen: Format,
    holders: bool = False,
    filters: Filters = ALL,
    window: Window = WHOLE,
) -> bytes:
    out = io.BytesIO()
    with Recording(record(tmp_path / "run.lockwatch")) as recording:
        writer(chosen, holders)(Source(recording, filters, window), out)
    return out.getvalue()


def test_csv_has_a_line_a_wait(tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(exported(tmp_path, Format.CSV).decode())))
    assert [(row["start_ns"], row["wait_ns"], row["thread"], row["lock"]) for row in rows] == [
        (str(SECOND), str(8 * MS), "worker", "queue"),
        (str(2 * SECOND), str(2 * MS), "other", "queue"),
        (str(3 * SECOND), str(5 * MS), "worker", "table"),
    ]
    assert rows[0]["stack"] == "main;serve;take"
    assert (rows[0]["owner"], rows[0]["owner_confirmed"], rows[1]["owner"]) == ("holder", "1", "")
    assert rows[2]["stack"] == "[incomplete: no unwind row];serve;/usr/sbin/daemon+0x500"
    assert (rows[2]["request"], rows[2]["owner_request"]) == ("Create", "Destroy")


def test_filters_and_windows_choose_what_is_exported(tmp_path: Path) -> None:
    read_only = Filters(frozenset({Kind.RWLOCK}))
    table = exported(tmp_path, Format.CSV, filters=read_only).decode().splitlines()
    early = exported(tmp_path, Format.CSV, window=Window(None, 2 * SECOND)).decode().splitlines()
    assert [line.split(",")[5] for line in table[1:]] == ["table"]
    assert [line.split(",")[4] for line in early[1:]] == ["worker"]


def test_json_and_folded_are_those_of_the_report(tmp_path: Path) -> None:
    report = json.loads(exported(tmp_path, Format.JSON))
    folded = exported(tmp_path, Format.FOLDED).decode().splitlines()
    holders = exported(tmp_path, Format.FOLDED, holders=True).decode().splitlines()
    assert report["schema"] == "lockwatch.report/1"
    assert "daemon;main;serve;take;lock queue 10000" in folded
    assert "daemon;main;give;lock queue 8000" in holders


def read_pprof(data: bytes) -> Any:
    return messages("profile").Profile.FromString(gzip.decompress(data))


def samples(profile: Any) -> list[tuple[tuple[str, ...], tuple[int, ...], dict[str, str | int]]]:
    strings = profile.string_table
    functions = {function.id: strings[function.name] for function in profile.function}
    names = {
        location.id: functions[location.line[0].function_id] if location.line else f"{location.address:#x}"
        for location in profile.location
    }
    return [
        (
            tuple(names[location] for location in sample.location_id),
            tuple(sample.value),
            {strings[label.key]: strings[label.str] if label.str else label.num for label in sample.label},
        )
        for sample in profile.sample
    ]


def test_pprof_has_contentions_and_delay(tmp_path: Path) -> None:
    profile = read_pprof(exported(tmp_path, Format.PPROF))
    strings = profile.string_table
    assert strings[0] == ""
    types = [(strings[sort.type], strings[sort.unit]) for sort in profile.sample_type]
    assert types == [("contentions", "count"), ("delay", "nanoseconds")]
    assert samples(profile)[0] == (
        ("take", "serve", "main"),
        (1, 8 * MS),
        {"lock": "queue", "kind": "mutex", "class": "Queue", "thread": "worker", "pid": PID},
    )
    (mapping,) = profile.mapping
    assert (strings[mapping.filename], strings[mapping.build_id]) == ("/usr/sbin/daemon", "c0ffee00")
    assert mapping.memory_start == made.MAIN.address - made.MAIN.offset
    assert all(mapping.memory_start <= place.address < mapping.memory_limit for place in profile.location)
    assert profile.duration_nanos == 10 * SECOND
    assert profile.time_nanos == 1_795_856_400_250_000_000


def test_the_profile_is_named_after_the_program(tmp_path: Path) -> None:
    inner = made.frame("wait", 0x10, module="libc.so.6")
    waits = made.WAIT_SUMS[0]
    library_first = replace(waits, stack=replace(waits.stack, frames=(inner, *waits.stack.frames)))
    out = io.BytesIO()
    path = record(tmp_path / "run.lockwatch", replace(made.REPORT, waits=(library_first,)))
    with Recording(path) as recording:
        writer(Format.PPROF, holders=False)(Source(recording, ALL, WHOLE), out)
    profile = read_pprof(out.getvalue())
    names = [profile.string_table[mapping.filename] for mapping in profile.mapping]
    assert names == ["/usr/sbin/daemon", "libc.so.6"]


def test_pprof_of_holders_has_blame_also_without_a_stack(tmp_path: Path) -> None:
    profile = read_pprof(exported(tmp_path, Format.PPROF, holders=True))
    assert [(stack, values) for stack, values, _ in samples(profile)] == [
        (("give", "main"), (1, 8 * MS)),
        (("give", "main"), (1, 4 * MS)),
        (("[no release seen]",), (1, MS)),
    ]


def test_speedscope_profiles_are_balanced_and_add_up(tmp_path: Path) -> None:
    document = json.loads(exported(tmp_path, Format.SPEEDSCOPE))
    names = [frame["name"] for frame in document["shared"]["frames"]]
    waits, blame, *threads = document["profiles"]
    assert {profile["unit"] for profile in document["profiles"]} == {"nanoseconds"}
    assert (waits["type"], waits["endValue"], sum(waits["weights"])) == ("sampled", 15 * MS, 15 * MS)
    assert [names[frame] for frame in waits["samples"][0]] == ["main", "serve", "take", "lock queue"]
    assert blame["endValue"] == 13 * MS
    for thread in threads:
        opened: list[int] = []
        times = [event["at"] for event in thread["events"]]
        assert times == sorted(times) and times[-1] <= thread["endValue"]
        for event in thread["events"]:
            if event["type"] == "O":
                opened.append(event["frame"])
            else:
                assert opened.pop() == event["frame"]
        assert not opened
    assert {thread["name"] for thread in threads} == {"worker/4101", "other/4102"}


def read_perfetto(data: bytes) -> list[TracePacket]:
    """Decoded with the published messages, which must know every field."""
    trace = Trace.FromString(data)
    assert Trace.FromString(trace.SerializeToString()) == trace
    for packet in trace.packet:
        assert packet.trusted_packet_sequence_id == 1
    return list(trace.packet)


def events(packets: list[TracePacket], sort: int) -> list[tuple[int, Any]]:
    return [(p.timestamp, p.track_event) for p in packets if p.track_event.type == sort]


def test_perfetto_has_a_slice_a_wait_and_arrows_to_their_ends(tmp_path: Path) -> None:
    packets = read_perfetto(exported(tmp_path, Format.PERFETTO))
    tracks = {p.track_descriptor.uuid: p.track_descriptor for p in packets if p.HasField("track_descriptor")}
    names = {entry.iid: entry.name for p in packets for entry in p.interned_data.event_names}
    begins, ends = events(packets, TrackEvent.TYPE_SLICE_BEGIN), events(packets, TrackEvent.TYPE_SLICE_END)
    shown = [
        (at - ZERO, names[event.name_iid], tracks[event.track_uuid].thread.thread_name)
        for at, event in begins
    ]
    assert shown == [
        (-SECOND, "lock table", "other"),
        (SECOND, "lock queue", "worker"),
        (2 * SECOND, "lock queue", "other"),
        (3 * SECOND, "lock table", "worker"),
    ]
    started = {
        flow: tracks[event.track_uuid].thread.thread_name
        for _, event in events(packets, TrackEvent.TYPE_INSTANT)
        for flow in event.flow_ids
    }
    arrows = [
        (at - ZERO, started[flow], tracks[event.track_uuid].thread.thread_name)
        for at, event in ends
        for flow in event.terminating_flow_ids
    ]
    assert arrows == [
        (SECOND + 8 * MS, "holder", "worker"),
        (3 * SECOND + 5 * MS, "other", "worker"),
    ]


def test_perfetto_counts_waiters_and_says_what_a_wait_was(tmp_path: Path) -> None:
    packets = read_perfetto(exported(tmp_path, Format.PERFETTO))
    tracks = {p.track_descriptor.uuid: p.track_descriptor for p in packets if p.HasField("track_descriptor")}
    counts = [
        (tracks[event.track_uuid].name, event.counter_value)
        for _, event in events(packets, TrackEvent.TYPE_COUNTER)
    ]
    assert [value for name, value in counts if name == "waiters: table"] == [1, 2, 1, 0]
    keys = {e.iid: e.name for p in packets for e in p.interned_data.debug_annotation_names}
    texts = {e.iid: e.str for p in packets for e in p.interned_data.debug_annotation_string_values}
    event = events(packets, TrackEvent.TYPE_SLICE_BEGIN)[1][1]
    facts = {
        keys[fact.name_iid]: texts[fact.string_value_iid] if fact.string_value_iid else fact.int_value
        for fact in event.debug_annotations
    }
    assert facts == {"outcome": b"woken", "sleeps": 3, "owner": b"holder/4103", "stack": b"take\nserve\nmain"}


def test_perfetto_moments_are_in_order_and_on_the_calendar(tmp_path: Path) -> None:
    packets = read_perfetto(exported(tmp_path, Format.PERFETTO))
    times = [packet.timestamp for packet in packets if packet.HasField("track_event")]
    clocks = {clock.clock_id: clock.timestamp for clock in packets[0].clock_snapshot.clocks}
    assert times == sorted(times)
    assert clocks == {3: ZERO, 1: 1_795_856_400_250_000_000}
    assert Counter(packet.sequence_flags for packet in packets) == {3: 1, 2: len(packets) - 1}


def test_our_perfetto_fields_are_those_of_the_published_proto() -> None:
    for name in ("TracePacket", "TrackEvent", "TrackDescriptor", "DebugAnnotation", "InternedData"):
        published = Trace.DESCRIPTOR.file.message_types_by_name[name].fields_by_name
        for field in getattr(messages("perfetto"), name).DESCRIPTOR.fields:
            assert published[field.name].number == field.number


def test_holders_are_refused_where_both_sides_are_shown() -> None:
    with pytest.raises(UsageError, match="--holders is for folded and pprof"):
        writer(Format.PERFETTO, holders=True)


def test_a_proto_line_outside_of_the_known_part_is_refused() -> None:
    with pytest.raises(ValueError, match="'map<int32, string> names = 1;' is not understood"):
        describe("bad", "message Bad {\n  map<int32, string> names = 1;\n}")
