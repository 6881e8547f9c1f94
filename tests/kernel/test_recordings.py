"""Recordings of real traces: the same report later, what SIGKILL leaves, and two runs compared."""

import json
import os
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from harness import PATIENCE, Build, Lockwatch, Outcome, Program, attached, run_lockwatch

from tracer.recording import Recording


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recordings")


@pytest.fixture(scope="module")
def outcome(build: Build, folder: Path) -> Outcome:
    """A trace of the demo's bank, recorded."""
    files = ("--output", str(folder / "run.lockwatch"), "--json", str(folder / "attach.json"))
    with Program([build("demo.c"), "2"]) as program, attached(program.pid, *files, "--quiet") as lockwatch:
        program.go()
        program.result()
        return lockwatch.stop()


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def test_report_prints_the_very_same_later(outcome: Outcome, folder: Path) -> None:
    assert outcome.status == 0, outcome.said
    later = run_lockwatch("report", folder / "run.lockwatch", "--json", folder / "report.json")
    assert later.status == 0, later.said
    assert later.stdout == outcome.stdout
    assert (folder / "report.json").read_text() == (folder / "attach.json").read_text()


def test_report_needs_no_root(outcome: Outcome, folder: Path) -> None:
    copy = Path("/tmp") / f"lockwatch-test-{os.getpid()}.lockwatch"
    copy.write_bytes((folder / "run.lockwatch").read_bytes())
    copy.chmod(0o444)
    try:
        later = run_lockwatch("report", copy, prefix=("setpriv", "--reuid=65534", "--clear-groups"))
    finally:
        copy.unlink()
    assert later.status == 0, later.said
    assert later.stdout == outcome.stdout


def test_the_events_add_up_to_the_sums(outcome: Outcome, folder: Path) -> None:
    path = folder / "run.lockwatch"
    assert rows(path, "SELECT count(*), sum(wait_ns) FROM wait") == rows(
        path, "SELECT sum(long_waits), sum(long_wait_ns) FROM lock_total"
    )
    assert rows(path, "SELECT count(*), sum(blame_ns) FROM release") == rows(
        path, "SELECT sum(releases), sum(blame_ns) FROM release_sum WHERE stack IS NOT NULL"
    )


def test_the_parts_of_a_trace_add_up_to_it(outcome: Outcome, folder: Path) -> None:
    counts = []
    for window in ((), ("--until", "1"), ("--since", "1")):
        file = folder / "part.json"
        done = run_lockwatch("report", folder / "run.lockwatch", "--json", file, *window)
        assert done.status == 0, done.said
        counts.append(sum(site["waits"] for site in json.loads(file.read_text())["call_sites"]))
    assert counts[0] == counts[1] + counts[2] > 0
    assert min(counts[1:]) > 0


def test_modules_have_build_ids(outcome: Outcome, folder: Path) -> None:
    found = dict(rows(folder / "run.lockwatch", "SELECT path, build_id FROM module"))
    libc = next(build_id for path, build_id in found.items() if path.startswith("libc"))
    assert libc is not None and len(libc) == 40


def test_sigkill_loses_the_last_second_at_most(build: Build, tmp_path: Path) -> None:
    path = tmp_path / "killed.lockwatch"
    with Program([build("demo.c"), "10"]) as program:
        with attached(program.pid, "--output", path, "--quiet") as lockwatch:
            program.go()
            began = time.monotonic()
            time.sleep(3.5)
            lasted = time.monotonic() - began
            lockwatch.stop(signal.SIGKILL)
        with Recording(path) as recording:
            assert not recording.finished
            last = max(wait.ended_ns for wait in recording.waits())
            first = min(wait.started_ns for wait in recording.waits())
    # A wait is written once it is known to be over, 100 ms after its end at the latest.
    assert (last - first) / 1e9 > lasted - 2.0
    later = run_lockwatch("report", path)
    assert later.status == 0, later.said
    assert "was cut off" in later.stdout


def releases_until_now(path: Path) -> int:
    """Of a recording that is being made; before its first second is over it is empty."""
    if not rows(path, "SELECT 1 FROM sqlite_master WHERE name = 'release'"):
        return 0
    ((number,),) = rows(path, "SELECT count(*) FROM release")
    return int(number)


def test_releases_of_a_lock_without_long_waits_are_written_as_they_come(build: Build, tmp_path: Path) -> None:
    path = tmp_path / "rounds.lockwatch"
    options = ("--output", path, "--threshold", "100ms", "--kinds", "all", "--quiet")
    with (
        Program([build("rounds.c"), "3", "8", "30"]) as program,
        attached(program.pid, *options) as lockwatch,
    ):
        program.go()
        end = time.monotonic() + PATIENCE
        while releases_until_now(path) < 10 and time.monotonic() < end:
            time.sleep(0.1)
        assert not program.lines.seen[1:], "the work is over"
        (site,) = program.result()["sites"]
        outcome = lockwatch.stop()
    assert outcome.status == 0, outcome.said
    with Recording(path) as recording:
        condition = [lock for lock in recording.objects.locks.values() if lock.address == site["address"]]
        released = [release for release in recording.releases() if release.lock in condition]
    assert len(released) >= 10
    assert {str(lock.kind) for lock in condition} == {"cond"}


def test_a_full_disk_ends_the_recording_not_the_trace(build: Build, tmp_path: Path) -> None:
    path, small = tmp_path / "full.lockwatch", ("prlimit", "--fsize=180000")
    with Program([build("contend.c"), "mutex:8:200:4"]) as program:
        files = (program.pid, "--output", path, "--threshold", "0", "--quiet")
        with attached(*files, prefix=small) as lockwatch:
            program.go()
            program.result()
            outcome = lockwatch.stop()
    assert outcome.status == 6, outcome.said
    assert "the trace goes on" in outcome.stderr
    assert "waited for at" in outcome.stdout
    with Recording(path) as recording:
        assert not recording.finished


def test_a_command_is_recorded_from_its_start(build: Build, tmp_path: Path) -> None:
    path = tmp_path / "command.lockwatch"
    with Lockwatch("record", "--output", path, "--", build("demo.c"), "1", env=_started_alone()) as lockwatch:
        outcome = lockwatch.wait()
    assert outcome.status == 0, outcome.said
    with Recording(path) as recording:
        assert recording.finished
        assert {total.lock.name for total in recording.lock_totals()} >= {"ledger_lock", "rates_lock"}


def _started_alone() -> dict[str, str]:
    """The program begins without being told to."""
    root = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": root, "DELAY_MS": "100"}


def recorded(build: Build, path: Path, threads: int) -> Path:
    """So many threads that want one mutex, each for 200 us at a time."""
    options = ("--output", path, "--threshold", "100us")
    with (
        Program([build("contend.c"), f"mutex:{threads}:200:3"]) as program,
        Lockwatch("record", "--pid", program.pid, *options) as lockwatch,
    ):
        lockwatch.wait_attached()
        program.go()
        program.result()
        outcome = lockwatch.stop()
    assert outcome.status == 0, outcome.said
    return path


def test_more_contention_is_found_and_fails_the_build(build: Build, tmp_path: Path) -> None:
    two, again, eight = (
        recorded(build, tmp_path / name, threads) for name, threads in (("a", 2), ("b", 2), ("c", 8))
    )
    same = run_lockwatch("diff", two, again, "--fail-above", "100%")
    assert same.status == 0, same.said
    worse = run_lockwatch("diff", two, eight, "--fail-above", "100%", "--json", tmp_path / "diff.json")
    assert worse.status == 1, worse.said
    document = json.loads((tmp_path / "diff.json").read_text())
    assert document["total"]["trend"] == "slower"
    assert document["total"]["growth"] > 2
    assert [lock["trend"] for lock in document["locks"]] == ["slower"]
