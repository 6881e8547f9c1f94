"""What attach prints and writes, how it ends, and what it follows or leaves alone."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import PATIENCE, Build, Outcome, Program, attached
from truth import has_function

FLAMEGRAPH = Path("/usr/share/perl5/Devel/NYTProf/flamegraph.pl")
LIVE = re.compile(r"^\d\d:\d\d:\d\d\.\d+ ")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="module")
def outcome(build: Build, folder: Path) -> Iterator[Outcome]:
    """A trace of the demo's bank, with every file."""
    files = [
        word
        for name in ("json", "folded", "folded-holders")
        for word in (f"--{name}", folder / f"out.{name}")
    ]
    with Program([build("demo.c"), "2"]) as program, attached(program.pid, *files) as lockwatch:
        program.go()
        program.result()
        yield lockwatch.stop()


@pytest.fixture(scope="module")
def report(outcome: Outcome, folder: Path) -> dict[str, Any]:
    assert outcome.status == 0, outcome.said
    content: dict[str, Any] = json.loads((folder / "out.json").read_text())
    return content


def folded_lines(file: Path) -> list[tuple[list[str], int]]:
    """Frames, outermost first, and the number at each line's end."""
    lines = [line.rsplit(" ", 1) for line in file.read_text().splitlines()]
    return [(frames.split(";"), int(number)) for frames, number in lines]


def test_each_release_site_of_a_lock_is_one_row(report: dict[str, Any]) -> None:
    sites = [
        (site["lock"], site["what"], site["thread"], json.dumps(site["frames"]))
        for site in report["release_sites"]
    ]
    assert {what for _, what, *_ in sites} >= {"release", "signal"}
    assert len(set(sites)) == len(sites)


def test_the_schema(report: dict[str, Any]) -> None:
    assert report["schema"] == "lockwatch.report/1"
    assert {lock["kind"] for lock in report["locks"]} >= {"mutex", "rwlock", "sem"}
    assert report["duration_ns"] > 2_000_000_000
    assert report["health"]["attach_ns"] > 0
    for lock in report["locks"]:
        assert sum(lock["histogram_log2_ns"]) == lock["waits"]


def test_call_sites_are_the_long_waits(report: dict[str, Any]) -> None:
    locks = {lock["address"]: lock for lock in report["locks"] if lock["contention"]}
    for address, lock in locks.items():
        sites = [site for site in report["call_sites"] if site["lock"] == address]
        assert sum(site["waits"] for site in sites) == lock["long_waits"]
        assert sum(site["wait_ns"] for site in sites) == lock["long_wait_ns"]


def test_live_lines(outcome: Outcome) -> None:
    lines = [line for line in outcome.stdout.splitlines() if LIVE.match(line)]
    assert len(lines) > 20
    assert any("teller" in line and "ledger_lock" in line and "transfer" in line for line in lines)
    assert any("held by auditor" in line for line in lines)
    assert "\x1b[" not in outcome.stdout


def test_the_tables(outcome: Outcome) -> None:
    for word in ("ledger_lock", "rates_lock", "connections", "transfer", "query_database", "audit"):
        assert word in outcome.stdout


def test_folded_adds_up_to_the_call_sites(report: dict[str, Any], folder: Path) -> None:
    total = sum(number for _, number in folded_lines(folder / "out.folded"))
    expected = sum(site["wait_ns"] for site in report["call_sites"]) // 1000
    assert abs(total - expected) <= len(report["call_sites"])


def test_folded_frames(folder: Path) -> None:
    stacks = [frames for frames, _ in folded_lines(folder / "out.folded")]
    assert all(frames[-1].startswith("lock ") for frames in stacks)
    assert any("teller" in frames and "transfer" in frames for frames in stacks)


def test_folded_holders_are_release_stacks(folder: Path) -> None:
    stacks = folded_lines(folder / "out.folded-holders")
    by_audit = sum(number for frames, number in stacks if "audit" in frames)
    assert by_audit > 0


@pytest.mark.parametrize("name", ["folded", "folded-holders"])
def test_a_flame_graph_program_reads_it(report: dict[str, Any], folder: Path, name: str) -> None:
    file = folder / f"out.{name}"
    done = subprocess.run(["perl", FLAMEGRAPH, file], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "<title>transfer (" in done.stdout
    (total,) = re.findall(r"<title>all \(([\d,]+) samples", done.stdout)
    assert int(total.replace(",", "")) == sum(number for _, number in folded_lines(file))


def test_json_on_stdout(build: Build) -> None:
    with Program([build("demo.c"), "1"]) as program, attached(program.pid, "--json", "-") as lockwatch:
        program.go()
        program.result()
        outcome = lockwatch.stop()
    assert json.loads(outcome.stdout)["schema"] == "lockwatch.report/1"
    assert "ledger_lock" in outcome.stderr


def test_folded_threads_and_filters(build: Build, tmp_path: Path) -> None:
    options = ("--folded", tmp_path / "out", "--folded-threads", "--lock", "ledger*", "--kinds", "mutex")
    file = tmp_path / "report.json"
    with (
        Program([build("demo.c"), "1"]) as program,
        attached(program.pid, "--json", file, *options) as lockwatch,
    ):
        program.go()
        program.result()
        outcome = lockwatch.stop()
    assert outcome.status == 0, outcome.said
    stacks = [frames for frames, _ in folded_lines(tmp_path / "out")]
    assert stacks
    assert {frames[1] for frames in stacks} <= {"teller", "auditor"}
    assert all("ledger_lock" in frames[-1] for frames in stacks)
    assert "rates_lock" not in "".join(line for line in outcome.stdout.splitlines() if LIVE.match(line))
    report = json.loads(file.read_text())
    assert {lock["kind"] for lock in report["locks"]} >= {"mutex", "rwlock", "sem"}
    assert {site["kind"] for site in report["call_sites"]} == {"mutex"}


# ---- how it ends


def test_the_duration_is_over(build: Build) -> None:
    with (
        Program([build("demo.c"), "1"]) as program,
        attached(program.pid, "--duration", "300ms") as lockwatch,
    ):
        assert lockwatch.wait().status == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal(build: Build, number: signal.Signals) -> None:
    with Program([build("demo.c"), "1"]) as program, attached(program.pid) as lockwatch:
        outcome = lockwatch.stop(number)
    assert outcome.status == 0, outcome.said


@pytest.mark.parametrize("kill", [False, True], ids=["exits", "is killed"])
def test_the_target(build: Build, tmp_path: Path, kill: bool) -> None:
    """The symbols of a target that is gone are still there."""
    file = tmp_path / "report.json"
    with Program([build("demo.c"), "1"]) as program, attached(program.pid, "--json", file) as lockwatch:
        program.go()
        program.result()
        if kill:
            program.process.kill()
        else:
            program.end()
        outcome = lockwatch.wait()
    assert outcome.status == 0, outcome.said
    sites = json.loads(file.read_text())["call_sites"]
    assert any(has_function(site, "transfer") for site in sites)


def test_an_exec_of_the_target(tmp_path: Path) -> None:
    with (
        Program(["bash", "-c", "echo ready $$; read line; exec sleep 300"]) as program,
        attached(program.pid) as lockwatch,
    ):
        program.go()
        outcome = lockwatch.wait()
    assert outcome.status == 0, outcome.said
    assert "runs another program" in outcome.stdout


def test_no_waits_is_said_in_words(build: Build) -> None:
    with (
        Program([build("demo.c"), "1"]) as program,
        attached(program.pid, "--duration", "300ms") as lockwatch,
    ):
        outcome = lockwatch.wait()
    assert re.search(r"no .*wait", outcome.stdout, re.IGNORECASE), outcome.said
    assert "futex" in outcome.stdout


# ---- several targets, and none


def test_two_processes_at_once(build: Build, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    with Program([build("demo.c"), "1"]) as first, Program([build("demo.c"), "1"]) as second:
        pids = [first.pid, second.pid]
        with attached(*pids, "--json", file, "--quiet") as lockwatch:
            for program in (first, second):
                program.go()
            for program in (first, second):
                program.result()
            assert lockwatch.stop().status == 0
        report = json.loads(file.read_text())
        assert {target["pid"] for target in report["targets"]} == {first.pid, second.pid}
        assert {lock["pid"] for lock in report["locks"]} == {first.pid, second.pid}


def test_a_forked_child_is_not_traced(tmp_path: Path) -> None:
    """A child of the target that waits for locks leaves no trace in the report."""
    script = (
        "import os, sys, threading, time\n"
        "print('ready', os.getpid(), flush=True)\n"
        "sys.stdin.readline()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    lock = threading.Lock(); lock.acquire()\n"
        "    threading.Thread(target=lambda: lock.acquire(timeout=0.3)).start()\n"
        "    time.sleep(0.5); os._exit(0)\n"
        "os.waitpid(child, 0)\n"
        "print('{}', flush=True)\n"
        "sys.stdin.read()\n"
    )
    file = tmp_path / "report.json"
    with (
        Program(["/usr/bin/python3", "-c", script]) as program,
        attached(program.pid, "--json", file, "--threshold", "0") as lockwatch,
    ):
        program.go()
        program.result()
        time.sleep(0.1)
        assert lockwatch.stop().status == 0
    report = json.loads(file.read_text())
    assert report["locks"] == []
    assert report["waiting"] == []
