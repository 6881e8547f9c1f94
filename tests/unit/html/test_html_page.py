"""The page's data and its embedding; what the page does with them is tested in a browser."""

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tracer.html.data
from tracer.commands.html import html
from tracer.errors import FileError, UsageError
from tracer.html import write
from tracer.html.page import embedded
from tracer.model.kinds import Kind, Outcome, ReleaseKind
from tracer.model.locks import Lock, Owner, Thread
from tracer.model.report import Report, Target, TraceInfo
from tracer.model.stacks import Frame, Stack, StackEnd
from tracer.model.waits import Blocked, LockTotal, Release, ReleaseSum, Wait, WaitSum
from tracer.recording import Recorder, Recording

MS = 1_000_000
ZERO = 10**12
HOSTILE = "</script><script>alert(1)</script>"
INFO = TraceInfo("0", (Target(7, "daemon", "/daemon"),), "2026-11-28T10:00:00+00:00", 10**9, MS, "tracepoint")
LOCK = Lock(7, 0xFFFF_8000_0000_1000, Kind.MUTEX, HOSTILE, "lock", "Class")
WAITER = Thread(7, 71, HOSTILE)
HOLDER = Owner(72, "holder", True)
STACK = Stack(
    (Frame("take", "daemon", 1, 2, "a.c", 3), Frame(None, "libx.so", 0x10, 0x20)), StackEnd.COMPLETE
)
CUT = Stack(STACK.frames, StackEnd.NO_ROW)


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    path = tmp_path / "run.lockwatch"
    recorder = Recorder(path, INFO, started_ns=ZERO)
    for number in range(1, 11):
        start = ZERO + number * 50 * MS
        recorder.wait(
            Wait(WAITER, LOCK, Kind.MUTEX, start, start + number * MS, 2, Outcome.WOKEN, STACK, HOLDER, "get")
        )
    recorder.release(Release(Thread(7, 72, "holder"), LOCK, ReleaseKind.RELEASE, ZERO + 60 * MS, 9 * MS, CUT))
    report = Report(
        INFO,
        (LockTotal(LOCK, 10, 55 * MS, 10 * MS, 20, long_waits=10, long_wait_ns=55 * MS, histogram=(0, 10)),),
        release_sites=(ReleaseSum(LOCK, ReleaseKind.SHORT, None, None, None, 3, 2 * MS),),
        waiting=(Blocked(WAITER, LOCK, Kind.MUTEX, ZERO - MS, 900 * MS, True, HOLDER, STACK),),
        waits=(WaitSum(LOCK, Kind.MUTEX, STACK, WAITER, "get", 10, 55 * MS, 10 * MS),),
    )
    recorder.finish(report)
    return path


def page_of(path: Path) -> str:
    out = io.StringIO()
    with Recording(path) as recording:
        write(recording, out)
    return out.getvalue()


def data_of(path: Path) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page_of(path), re.S)
    assert found
    return json.loads(found[1])


def test_no_name_ends_the_data_early() -> None:
    value = {"name": HOSTILE, "comment": "<!-- & \u2028 \udcff"}
    text = embedded(value)
    assert not set(text) & set("<>&\u2028")
    assert json.loads(text) == value


def test_the_page_needs_nothing_else(recorded: Path) -> None:
    page = page_of(recorded)
    assert HOSTILE not in page
    assert not re.search(r"<(script|link|img|iframe)[^>]*\b(src|href)=[\"'](?!data:)", page)
    assert "default-src 'none'" in page
    assert page.count("<script") == page.count("</script>") == 3


def test_waits_and_what_has_not_ended_are_columns(recorded: Path) -> None:
    data = data_of(recorded)
    waits = data["waits"]
    assert {len(column) for column in waits.values()} == {11}
    assert waits["start"][0] == 50 * MS and waits["wait"][:2] == [MS, 2 * MS]
    assert data["threads"]["name"][waits["thread"][0]] == HOSTILE
    assert data["threads"]["tid"][waits["owner"][0]] == 72
    assert data["requests"][waits["request"][0]] == "get" and waits["owner_request"][0] == -1
    assert data["outcomes"][waits["outcome"][-1]] == "unfinished"
    assert (waits["start"][-1], waits["wait"][-1]) == (-MS, 900 * MS)
    assert data["left_out"] == {"waits": 0, "wait_ns": 0}


def test_stacks_locks_and_blame_are_there(recorded: Path) -> None:
    data = data_of(recorded)
    stack = data["stacks"]["frames"][data["waits"]["stack"][0]]
    assert [data["frames"]["label"][frame] for frame in stack] == ["take", "libx.so+0x10"]
    assert [data["frames"]["place"][frame] for frame in stack] == ["a.c:3", ""]
    lock = data["totals"]["lock"][0]
    assert data["locks"]["address"][lock] == "0xffff800000001000"
    assert data["totals"]["histogram"][0][1] == 10
    assert data["releases"]["blame"] == [9 * MS]
    assert data["stacks"]["end"][data["releases"]["stack"][0]] == "no unwind row"
    assert data["release_kinds"][data["rest"]["what"][0]] == "short releases"
    assert data["rest"]["blame"] == [2 * MS]
    assert any("nothing lost" in line for line in data["health"])


def test_the_longest_waits_stay_and_the_rest_is_counted(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracer.html.data, "MOST_WAITS", 3)
    data = data_of(recorded)
    assert data["waits"]["wait"][:-1] == [8 * MS, 9 * MS, 10 * MS]
    assert data["left_out"] == {"waits": 7, "wait_ns": 28 * MS}


def test_a_recording_without_waits(tmp_path: Path) -> None:
    path = tmp_path / "empty.lockwatch"
    Recorder(path, INFO, started_ns=ZERO).finish(Report(INFO))
    data = data_of(path)
    assert {len(column) for column in data["waits"].values()} == {0}
    assert len(data["waits"]) == 12


def test_a_recording_that_was_cut_off_says_so(tmp_path: Path) -> None:
    path = tmp_path / "cut.lockwatch"
    recorder = Recorder(path, replace(INFO, duration_ns=0), started_ns=ZERO)
    recorder.flush()
    recorder.close()
    assert any("cut off" in line for line in data_of(path)["health"])


def test_the_command_writes_a_file(recorded: Path, tmp_path: Path) -> None:
    html(recorded, str(tmp_path / "page.html"))
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")


def test_the_command_says_what_cannot_be_written_or_read(recorded: Path, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="No such file"):
        html(recorded, str(tmp_path / "none" / "page.html"))
    with pytest.raises(UsageError, match="the recording itself"):
        html(recorded, str(recorded))
    broken = tmp_path / "broken.lockwatch"
    broken.write_bytes(b"SQLite format 3\0" + b"\0" * 5000)
    with pytest.raises(FileError):
        html(broken, str(tmp_path / "page.html"))
    assert not (tmp_path / "page.html").exists()
