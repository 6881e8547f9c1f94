"""The verbs that read recordings, as a user calls them."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import recording_models as made
from recording_models import MS, SECOND, record

from tracer.cli import run
from tracer.errors import UsageError
from tracer.recording.moments import parse_window


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(record(tmp_path / "run.lockwatch"))


def test_report_prints_what_the_trace_found(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", path]) == 0
    text = capsys.readouterr().out
    assert "queue" in text and "held up by" in text and "holder/4103" in text


def test_report_writes_json_and_folded(path: str, tmp_path: Path) -> None:
    files = [str(tmp_path / name) for name in ("r.json", "w.folded", "h.folded")]
    arguments = ["--json", files[0], "--folded", files[1], "--folded-holders", files[2], "--kinds", "all"]
    assert run(["report", path, *arguments]) == 0
    report = json.loads(Path(files[0]).read_text())
    locks = {lock["name"]: lock for lock in report["locks"]}
    assert (locks["queue"]["waits"], locks["queue"]["acquisitions"]) == (40, 9000)
    assert locks["table"]["unfinished_ns"] == 11 * SECOND
    assert sum(int(line.rsplit(" ", 1)[1]) for line in Path(files[1]).read_text().splitlines()) == 15_000
    assert "lock queue 8000" in Path(files[2]).read_text()


def test_report_of_a_way_to_wait_has_the_releases_of_its_lock(path: str, tmp_path: Path) -> None:
    files = [str(tmp_path / name) for name in ("r.json", "h.folded")]
    arguments = ["--json", files[0], "--folded-holders", files[1]]
    assert run(["report", path, "--kinds", "rwlock-write", *arguments]) == 0
    report = json.loads(Path(files[0]).read_text())
    (table,) = [lock["address"] for lock in report["locks"] if lock["name"] == "table"]
    rows = [(row["lock"], row["what"]) for row in report["release_sites"]]
    assert rows == [(table, "release"), (table, "no release seen")]
    assert "lock table 4000" in Path(files[1]).read_text()


def test_report_of_a_window_says_that_it_knows_no_requests(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", path, "--since", "1"]) == 0
    assert "is recorded of a whole trace only" in " ".join(capsys.readouterr().out.split())
    assert run(["report", path]) == 0
    assert "is recorded of a whole trace only" not in " ".join(capsys.readouterr().out.split())


def test_report_of_a_window_counts_its_waits(path: str, tmp_path: Path) -> None:
    out = str(tmp_path / "r.json")
    assert run(["report", path, "--since", "10:00:02", "--until", "2.9", "--json", out]) == 0
    report = json.loads(Path(out).read_text())
    assert [(lock["name"], lock["waits"], lock["wait_ns"]) for lock in report["locks"]] == [
        ("queue", 1, 2 * MS)
    ]


def test_report_sorts_locks(path: str, tmp_path: Path) -> None:
    def names(sort: str) -> list[str]:
        out = tmp_path / f"{sort}.json"
        assert run(["report", path, "--sort", sort, "--json", str(out)]) == 0
        return [lock["name"] for lock in json.loads(out.read_text())["locks"]]

    assert names("name") == ["pool", "queue", "table"]
    assert names("waits") == ["queue", "pool", "table"]
    assert names("mean") == ["table", "pool", "queue"]
    assert names("max") == ["queue", "table", "pool"]


@pytest.mark.parametrize("grouping", ["lock", "class", "identity", "site", "thread"])
def test_report_gathers_stored_totals(path: str, grouping: str) -> None:
    assert run(["report", path, "--group-by", grouping]) == 0


def test_report_of_a_broken_file_is_exit_6(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.lockwatch"
    broken.write_bytes(b"nonsense")
    assert run(["report", str(broken)]) == 6
    assert "is not a recording" in capsys.readouterr().err


def test_export_writes_every_format(path: str, tmp_path: Path) -> None:
    for chosen in ("folded", "speedscope", "pprof", "perfetto", "csv", "json"):
        out = tmp_path / chosen
        assert run(["export", path, "--format", chosen, "--output", str(out)]) == 0
        assert out.stat().st_size > 0


def test_export_never_overwrites_its_recording(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = Path(path).read_bytes()
    assert run(["export", path, "--format", "csv", "--output", path]) == 2
    assert Path(path).read_bytes() == before


@pytest.mark.parametrize("option", ["--json", "--folded", "--folded-holders"])
def test_report_never_overwrites_its_recording(path: str, tmp_path: Path, option: str) -> None:
    before = Path(path).read_bytes()
    link = tmp_path / "link"
    link.symlink_to(path)
    assert [run(["report", path, option, str(name)]) for name in (path, link)] == [2, 2]
    assert run(["diff", path, str(link), "--json", path]) == 2
    assert Path(path).read_bytes() == before


def test_a_file_is_written_once(path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "out")
    assert run(["report", path, "--json", out, "--folded", out]) == 2
    assert f"--folded {out}: that is the file of --json" in capsys.readouterr().err
    assert run(["report", path, "--json", "/dev/null", "--folded", "/dev/null"]) == 0


READERS = [
    ["report"],
    ["report", "--json", "-"],
    ["html", "--output", "-"],
    ["export", "--format", "json", "--output", "-"],
    ["export", "--format", "pprof", "--output", "-"],
]


def run_apart(verb: list[str], path: str, **options: Any) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-m", "tracer", verb[0], path, *verb[1:]]
    return subprocess.run(command, stderr=subprocess.PIPE, timeout=60, **options)


@pytest.mark.parametrize("verb", READERS, ids=" ".join)
def test_a_closed_pipe_is_no_failure(path: str, tmp_path: Path, verb: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = run_apart(verb, path, stdout=writing)
    os.close(writing)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr and b"BrokenPipe" not in done.stderr


@pytest.mark.parametrize("verb", READERS[:-1], ids=" ".join)
def test_an_ascii_locale_is_no_failure(path: str, verb: list[str]) -> None:
    done = run_apart(verb, path, stdout=subprocess.PIPE, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode("utf-8")


def test_export_to_a_full_disk_is_exit_6(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", path, "--format", "csv", "--output", "/dev/full"]) == 6
    assert "No space left" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("12", None, (12 * SECOND, None)),
        ("1.5", "1m", (1_500 * MS, 60 * SECOND)),
        ("10:00:01", "10:00:02.5", (750 * MS, 2_250 * MS)),
        ("10:00", None, (0, None)),
        ("2026-11-28T10:00:05", None, (4_750 * MS, None)),
        ("2026-11-28T09:00:05+00:00", None, (4_750 * MS, None)),
    ],
)
def test_moments(since: str, until: str | None, expected: tuple[int, int | None]) -> None:
    window = parse_window(since, until, replace(made.INFO, duration_ns=60 * SECOND))
    assert (window.since_ns, window.until_ns) == expected


def test_a_clock_time_after_midnight_is_the_next_days() -> None:
    window = parse_window(
        "00:00:10", None, replace(made.INFO, started="2026-11-28T23:59:50+01:00", duration_ns=60 * SECOND)
    )
    assert window.since_ns == 20 * SECOND


@pytest.mark.parametrize(
    ("since", "until"),
    [("soon", None), ("25:00", None), ("5", "5"), (None, "0"), ("10", None), ("10:00:30", None)],
)
def test_moments_that_make_no_sense(since: str | None, until: str | None) -> None:
    with pytest.raises(UsageError):
        parse_window(since, until, made.INFO)


READ = """
import sys
from dataclasses import replace
sys.modules["bcc"] = None
from tracer.cli import run
code = run(["report", sys.argv[1]]) or run(["export", sys.argv[1], "--format", "csv", "--output", "-"])
sys.exit(code)
"""


def test_reading_needs_no_bcc(path: str) -> None:
    done = subprocess.run([sys.executable, "-c", READ, path], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
