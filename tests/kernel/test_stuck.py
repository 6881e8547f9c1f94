"""What has not ended: threads still blocked, since before the attach or not, and circles of them."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from harness import Build, Outcome, Program, attached
from truth import has_function


def watch(
    program: Program, folder: Path, before: bool, *options: str
) -> tuple[dict[str, Any], dict[str, Any], Outcome]:
    """The program's account, the report and the outcome; the threads block before or after the attach."""
    file = folder / "report.json"
    own: dict[str, Any] = {}
    if before:
        program.go()
        own = program.result()
    with attached(program.pid, "--json", file, *options) as lockwatch:
        if not before:
            program.go()
            own = program.result()
        time.sleep(1.5)
        outcome = lockwatch.stop()
    assert outcome.status == 0, outcome.said
    return own, json.loads(file.read_text()), outcome


@pytest.mark.parametrize("before", [True, False], ids=["before the attach", "after it"])
def test_a_deadlock_of_three(build: Build, tmp_path: Path, before: bool) -> None:
    with Program([build("stuck.c"), "deadlock"]) as program:
        own, report, outcome = watch(program, tmp_path, before)
    waiting = {row["tid"]: row for row in report["waiting"]}
    assert set(waiting) == set(own["tids"])
    for position, tid in enumerate(own["tids"]):
        row = waiting[tid]
        assert row["before_attach"] is before
        assert row["owner"]["tid"] == own["tids"][(position + 1) % 3]
        assert row["owner"]["thread"] == f"philosopher-{(position + 1) % 3}"
        assert has_function(row, "take_second_fork")
    assert "deadlock" in outcome.stdout.lower()


@pytest.mark.parametrize("before", [True, False], ids=["before the attach", "after it"])
def test_a_mutex_held_for_good(build: Build, tmp_path: Path, before: bool) -> None:
    with Program([build("stuck.c"), "holder"]) as program:
        own, report, outcome = watch(program, tmp_path, before, "--kinds", "all")
    holder, waiter, idler = own["tids"]
    waiting = {row["tid"]: row for row in report["waiting"]}
    assert waiting[waiter]["owner"] == {"tid": holder, "thread": "holder"}
    assert has_function(waiting[waiter], "wait_for_good")
    assert idler in waiting
    assert "still waiting" in outcome.stdout
    assert "deadlock" not in outcome.stdout.lower()
    lock = next(entry for entry in report["locks"] if entry["address"] == waiting[waiter]["lock"])
    assert lock["unfinished"] == 1
    assert lock["unfinished_ns"] >= (0 if before else 1_000_000_000)
