"""Files that are no recording, damaged ones, and files that cannot be written."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import recording_models as made
from recording_models import ZERO, record

from tracer.errors import FileError
from tracer.recording import Recorder, Recording
from tracer.recording.schema import VERSION


def read_all(path: Path) -> None:
    with Recording(path) as recording:
        recording.info(), recording.lock_totals(), recording.wait_sums(), recording.release_sums()
        recording.blocked(), recording.requests(), recording.health()
        list(recording.waits()), list(recording.releases())


def change(path: Path, statement: str) -> None:
    database = sqlite3.connect(path)
    database.executescript(statement)
    database.close()


@pytest.mark.parametrize("content", [b"", b"not a recording", b"SQLite format 3\0" + b"\xff" * 4096])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(FileError, match=r"is not a recording|is damaged"):
        read_all(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="No such file"):
        Recording(tmp_path / "missing")
    with pytest.raises(FileError, match="Is a directory"):
        Recording(tmp_path)


def test_another_sqlite_file_is_refused(tmp_path: Path) -> None:
    change(tmp_path / "other.db", "CREATE TABLE trace (a)")
    with pytest.raises(FileError, match="is not a recording"):
        Recording(tmp_path / "other.db")


def test_another_version_is_refused_by_number(tmp_path: Path) -> None:
    path = record(tmp_path / "run.lockwatch")
    change(path, f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(FileError, match=f"version {VERSION + 1}; this lockwatch reads version {VERSION}"):
        Recording(path)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM trace",
        "DELETE FROM lock",
        "DELETE FROM thread",
        "DELETE FROM stack",
        "DELETE FROM module",
        "DROP TABLE wait",
        "UPDATE kind SET name = 'x'",
        "UPDATE stack SET end = 'x'",
        "UPDATE trace SET started = 'yesterday'",
        "UPDATE lock_histogram SET log2_ns = log2_ns + 4611686018427387904",
    ],
)
def test_damaged_tables_are_named_not_traced_back(tmp_path: Path, statement: str) -> None:
    path = record(tmp_path / "run.lockwatch")
    change(path, statement)
    with pytest.raises(FileError, match="is damaged"):
        read_all(path)


def test_truncated_recordings_never_end_in_another_error(tmp_path: Path) -> None:
    whole = record(tmp_path / "run.lockwatch").read_bytes()
    path = tmp_path / "cut.lockwatch"
    for size in range(0, len(whole), 4096 * 3 + 7):
        path.write_bytes(whole[:size])
        with pytest.raises(FileError):
            read_all(path)


@pytest.mark.parametrize("step", [97, 331])
def test_flipped_bytes_are_read_or_refused(tmp_path: Path, step: int) -> None:
    whole = record(tmp_path / "run.lockwatch").read_bytes()
    path = tmp_path / "flipped.lockwatch"
    outcomes = set()
    for start in range(100, 2000, step):
        damaged = bytearray(whole)
        for position in range(start, len(whole), 2003):
            damaged[position] ^= 0x55
        path.write_bytes(damaged)
        try:
            read_all(path)
            outcomes.add("read")
        except FileError:
            outcomes.add("refused")
    assert "refused" in outcomes


def test_a_file_of_another_sort_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "precious.txt"
    path.write_text("precious")
    with pytest.raises(FileError, match="not overwritten"):
        Recorder(path, made.INFO)
    assert path.read_text() == "precious"


def test_an_earlier_recording_is_replaced(tmp_path: Path) -> None:
    path = record(tmp_path / "run.lockwatch")
    record(path, waits=made.WAITS[:1])
    with Recording(path) as recording:
        assert list(recording.waits()) == [made.WAITS[0]]


@pytest.mark.parametrize("path", ["/dev/null", "/nowhere/run.lockwatch", "/"])
def test_places_that_cannot_hold_a_recording_are_refused(path: str) -> None:
    with pytest.raises(FileError, match="cannot write"):
        Recorder(path, made.INFO)


def in_child(work: Callable[[], None]) -> int:
    """The exit status of `work` in a child process."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(9)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_full_disk_costs_the_last_second_only(tmp_path: Path) -> None:
    path = tmp_path / "run.lockwatch"

    def fill() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        recorder = Recorder(path, made.INFO, started_ns=ZERO)
        recorder.wait(made.WAITS[0])
        recorder.flush()
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, path.stat().st_size))
        for _ in range(10_000):
            recorder.wait(made.WAITS[1])
        try:
            recorder.flush()
        except FileError:
            recorder.wait(made.WAITS[1])
            recorder.flush()
            recorder.finish(made.REPORT)
            os._exit(0)

    assert in_child(fill) == 0
    with Recording(path) as recording:
        assert list(recording.waits()) == [made.WAITS[0]]


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
import recording_models as made
from tracer.recording import Recorder
recorder = Recorder(sys.argv[1], made.INFO, started_ns=made.ZERO)
for _ in range(5000):
    recorder.wait(made.WAITS[0])
recorder.flush()
for _ in range(5000):
    recorder.wait(made.WAITS[1])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_sigkill_costs_what_was_not_flushed(tmp_path: Path) -> None:
    path = tmp_path / "run.lockwatch"
    here = str(Path(__file__).parent)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path), here], timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    with Recording(path) as recording:
        assert list(recording.waits()) == [made.WAITS[0]] * 5000


KILLED_IN_A_COMMIT = """
import os, signal, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA cache_size = 5")
database.execute("BEGIN")
database.execute("INSERT INTO wait SELECT wait.* FROM wait, wait AS other, wait AS third")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_half_a_commit_is_taken_back(tmp_path: Path) -> None:
    path = record(tmp_path / "run.lockwatch", waits=made.WAITS * 20)
    before = path.stat().st_size
    killed = subprocess.run([sys.executable, "-c", KILLED_IN_A_COMMIT, str(path)], timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert path.stat().st_size > before
    assert path.with_name(path.name + "-journal").exists()
    with Recording(path) as recording:
        assert len(list(recording.waits())) == 60


def test_a_reader_does_not_stop_the_recorder(tmp_path: Path) -> None:
    path = tmp_path / "run.lockwatch"
    recorder = Recorder(path, made.INFO, started_ns=ZERO)
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM wait").fetchone()
    recorder.wait(made.WAITS[0])
    recorder.flush()
    reader.execute("COMMIT")
    reader.close()
    recorder.finish(made.REPORT)
    with Recording(path) as recording:
        assert list(recording.waits()) == [made.WAITS[0]]
