"""What is recorded is read back: the same sums, the same events."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
import recording_models as made
from recording_models import MS, PID, SECOND, ZERO, record

from tracer.model.kinds import Kind, Outcome
from tracer.model.locks import Lock, Thread
from tracer.model.stacks import Frame, Stack, StackEnd
from tracer.model.waits import Wait
from tracer.recording import Recorder, Recording, Window


def test_a_finished_recording_gives_the_sums_of_its_trace(tmp_path: Path) -> None:
    with Recording(record(tmp_path / "run.lockwatch")) as recording:
        assert recording.finished
        assert recording.info() == made.INFO
        ended = tuple(replace(total, unfinished=0, unfinished_ns=0) for total in made.TOTALS)
        assert recording.lock_totals() == ended
        assert recording.wait_sums() == made.WAIT_SUMS
        assert recording.release_sums() == made.RELEASE_SUMS
        assert recording.blocked() == (made.BLOCKED,)
        assert recording.requests() == made.REQUESTS
        assert recording.health() == made.HEALTH


def test_the_events_are_read_back_by_time(tmp_path: Path) -> None:
    backwards = made.WAITS[::-1]
    with Recording(record(tmp_path / "run.lockwatch", waits=backwards)) as recording:
        assert tuple(recording.waits()) == made.WAITS
        assert tuple(recording.releases()) == made.RELEASES


def test_modules_have_build_ids_and_the_machine_is_named(tmp_path: Path) -> None:
    with Recording(record(tmp_path / "run.lockwatch")) as recording:
        assert recording.build_ids == {"/usr/sbin/daemon": "c0ffee00"}
        assert {"kernel", "cpus", "host"} <= set(recording.environment)


def test_no_request_source_is_not_the_same_as_no_requests(tmp_path: Path) -> None:
    without = replace(made.REPORT, requests=None)
    silent = replace(made.REPORT, requests=())
    with Recording(record(tmp_path / "without.lockwatch", without)) as recording:
        assert recording.requests() is None
    with Recording(record(tmp_path / "silent.lockwatch", silent)) as recording:
        assert recording.requests() == ()


def test_a_recording_that_was_cut_off_is_summed_from_its_events(tmp_path: Path) -> None:
    with Recording(record(tmp_path / "run.lockwatch", report=None)) as recording:
        assert not recording.finished
        assert set(recording.wait_sums()) == set(made.WAIT_SUMS)
        assert set(recording.release_sums()) == set(made.RELEASE_SUMS[:2])
        queue, table = recording.lock_totals()
        assert "cut off" in recording.health().notes[-2]
        assert "requests were served" in recording.health().notes[-1]
    assert (queue.lock, queue.waits, queue.wait_ns, queue.max_wait_ns, queue.sleeps) == (
        made.QUEUE,
        2,
        10 * MS,
        8 * MS,
        4,
    )
    assert (queue.histogram[20], queue.histogram[22], sum(queue.histogram)) == (1, 1, 2)
    assert [(owner.thread, owner.waits, owner.confirmed) for owner in queue.owners] == [("holder", 1, 1)]
    assert (table.lock, table.timeouts, table.acquisitions) == (made.TABLE, 1, None)


def test_a_flush_keeps_what_came_before_a_sudden_end(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run.lockwatch", made.INFO, started_ns=ZERO)
    recorder.wait(made.WAITS[0])
    recorder.flush()
    recorder.wait(made.WAITS[1])
    with Recording(tmp_path / "run.lockwatch") as recording:
        assert list(recording.waits()) == [made.WAITS[0]]
    recorder.close()


@pytest.mark.parametrize("flushed", [True, False])
def test_a_wait_that_went_on_is_corrected_not_repeated(tmp_path: Path, flushed: bool) -> None:
    first, other, _ = made.WAITS
    longer = replace(first, ended_ns=first.ended_ns + 50 * MS, sleeps=9, outcome=Outcome.TIMEOUT)
    recorder = Recorder(tmp_path / "run.lockwatch", made.INFO, started_ns=ZERO)
    recorder.wait(first)
    recorder.wait(other)
    if flushed:
        recorder.flush()
    recorder.correct(longer)
    recorder.flush()
    recorder.close()
    with Recording(tmp_path / "run.lockwatch") as recording:
        assert list(recording.waits()) == [longer, other]


def test_a_correction_of_what_was_never_told_is_a_wait(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run.lockwatch", made.INFO, started_ns=ZERO)
    recorder.wait(made.WAITS[0])
    recorder.correct(made.WAITS[2])
    recorder.flush()
    recorder.close()
    with Recording(tmp_path / "run.lockwatch") as recording:
        assert list(recording.waits()) == [made.WAITS[0], made.WAITS[2]]


def test_a_window_takes_waits_by_their_end(tmp_path: Path) -> None:
    window = Window(SECOND + 8 * MS, 3 * SECOND)
    with Recording(record(tmp_path / "run.lockwatch")) as recording:
        assert list(recording.waits(window)) == list(made.WAITS[:2])
        assert list(recording.waits(Window(SECOND + 8 * MS + 1, 3 * SECOND))) == [made.WAITS[1]]
        assert sum(total.wait_ns for total in recording.lock_totals(window)) == 10 * MS
        assert recording.blocked(window) == ()
        assert recording.requests(window) is None
        assert recording.info(window).duration_ns == 2 * SECOND - 8 * MS
        assert recording.info(window).started == "2026-11-28T10:00:01.258000+01:00"
        assert "a part of the trace" in recording.health(window).notes[-2]
        assert "requests were served" in recording.health(window).notes[-1]


def test_a_window_to_the_end_has_what_still_waits(tmp_path: Path) -> None:
    with Recording(record(tmp_path / "run.lockwatch")) as recording:
        assert recording.blocked(Window(4 * SECOND, None)) == (made.BLOCKED,)
        assert recording.lock_totals(Window(4 * SECOND, None)) == ()


def test_the_last_names_of_locks_and_threads_win(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run.lockwatch", made.INFO, started_ns=ZERO)
    first = made.WAITS[0]
    better = replace(first.lock, name="Queue of net", identity="class Queue", class_name="Queue")
    renamed = replace(first.thread, name="rpc-worker")
    recorder.wait(first)
    recorder.wait(replace(first, lock=better, thread=renamed))
    recorder.flush()
    recorder.close()
    with Recording(tmp_path / "run.lockwatch") as recording:
        assert [(wait.lock, wait.thread) for wait in recording.waits()] == [(better, renamed)] * 2


def test_hostile_names_and_addresses_are_kept(tmp_path: Path) -> None:
    name = "a\udcff;'\x00\n<script>"
    top = Frame(name, name, (1 << 64) - 1, (1 << 64) - 4096)
    lock = Lock(PID, (1 << 64) - 8, Kind.OTHER, name, name, name)
    stack = Stack((top,), StackEnd.TOO_DEEP)
    wait = Wait(Thread(PID, 1, name), lock, Kind.OTHER, ZERO - 5, ZERO + 5, 1, Outcome.INTERRUPTED, stack)
    with Recording(record(tmp_path / "run.lockwatch", waits=(wait,))) as recording:
        (back,) = recording.waits()
    kept = "a\\udcff;'\x00\n<script>"
    assert (back.thread.name, back.lock.name, back.lock.identity, back.lock.class_name) == (kept,) * 4
    assert (back.lock.address, back.started_ns) == (lock.address, wait.started_ns)
    assert back.stack.frames == (replace(top, function=kept, module=kept),)


def test_one_wait_takes_less_than_100_bytes(tmp_path: Path) -> None:
    path = tmp_path / "run.lockwatch"
    recorder = Recorder(path, made.INFO, started_ns=ZERO)
    recorder.flush()
    before = path.stat().st_size
    count = 20_000
    for number in range(count):
        first = made.WAITS[number % len(made.WAITS)]
        at = first.started_ns + number * 1_234_567
        recorder.wait(replace(first, started_ns=at, ended_ns=at + 3_456_789, owner=made.HOLDER))
    recorder.flush()
    recorder.close()
    assert (path.stat().st_size - before) / count <= 100


def test_the_views_are_pleasant_to_query(tmp_path: Path) -> None:
    database = sqlite3.connect(record(tmp_path / "run.lockwatch"))
    waits = database.execute(
        "SELECT lock, sum(wait_ns), max(owner) FROM waits WHERE contention GROUP BY lock ORDER BY 2 DESC"
    ).fetchall()
    releases = database.execute("SELECT what, thread, blame_ns FROM releases").fetchall()
    functions = database.execute(
        "SELECT function FROM stacks WHERE stack = (SELECT stack FROM waits WHERE lock = 'table')"
    ).fetchall()
    database.close()
    assert waits == [("queue", 10 * MS, "holder"), ("table", 5 * MS, None)]
    assert releases == [("release", "holder", 8 * MS), ("release", "other", 4 * MS)]
    assert functions == [("/usr/sbin/daemon+0x500",), ("serve",)]
