"""The locks of a Python program."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from harness import Lines, Lockwatch

PROGRAM = """
import sys, threading, time
def compute(seconds=3):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(2000))
def hold(lock):
    for _ in range(100):
        with lock:
            time.sleep(0.003)
lock = threading.Lock()
print("ready", flush=True)
sys.stdin.readline()
threads = [threading.Thread(target=compute) for _ in range(3)]
threads += [threading.Thread(target=hold, args=(lock,)) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("done", flush=True)
sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def locks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, Any]]]:
    """The report's locks."""
    file = tmp_path_factory.mktemp("python") / "report.json"
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdin is not None and program.stdout is not None
        lines = Lines(program.stdout)
        assert lines.next() == "ready\n"
        options = ("--kinds", "all", "--quiet", "--json", file, "--mutex-probe", "off")
        with Lockwatch("attach", "--pid", program.pid, *options) as lockwatch:
            lockwatch.wait_attached()
            program.stdin.write("go\n")
            program.stdin.flush()
            assert lines.next() == "done\n"
            outcome = lockwatch.stop()
        program.stdin.close()
    assert outcome.status == 0, outcome.said
    yield json.loads(file.read_text())["locks"]


def test_the_gil(locks: list[dict[str, Any]]) -> None:
    (gil,) = (lock for lock in locks if lock["name"] == "GIL")
    assert (gil["kind"], gil["identity"]) == ("cond", "GIL")
    assert gil["wait_ns"] > 1_000_000_000


def test_locks_of_threading(locks: list[dict[str, Any]]) -> None:
    found = [lock for lock in locks if lock["name"] == "Python thread lock"]
    assert {lock["kind"] for lock in found} == {"sem"}
    assert max(lock["waits"] for lock in found) > 10
