"""Every sleep that another tracer sees of the same run: strace, which stops the program at every call."""

import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import PATIENCE, Build, Lines, Program, Trace, trace
from truth import locks_of

KINDS = ("mutex", "timed", "robust", "pi", "sem", "rwlock")
PHASES = [f"{kind}:4:500:0.4" for kind in KINDS]
CALL = re.compile(r"(?P<tid>\d+) +futex\((?P<word>0x[0-9a-f]+), FUTEX_(?P<command>[A-Z_]+)(?P<rest>.*)")
RESUMED = re.compile(r"(?P<tid>\d+) +<\.\.\. futex resumed>(?P<rest>.*)")
RESULT = re.compile(r" = (-?\d+|\?)(?: (?P<error>E[A-Z]+))?")
WAITS = ("WAIT", "LOCK_PI")
AWAKE = "EAGAIN"


@dataclass(frozen=True)
class Compared:
    """What strace and lockwatch have seen of one program. `sleeps` and `refused`: of each futex word."""

    trace: Trace
    sleeps: Counter[int]
    refused: Counter[int]

    def of_lock(self, counted: Counter[int], lock: str) -> int:
        site = next(site for site in self.trace.program["sites"] if site["lock"] == lock)
        words = range(site["address"], site["address"] + site["size"])
        return sum(number for word, number in counted.items() if word in words)


@pytest.fixture(scope="module")
def compared(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compared]:
    folder = tmp_path_factory.mktemp("sleeps")
    with Program([build("contend.c"), *PHASES]) as program:
        log = folder / "strace"
        command = ["strace", "-f", "-e", "trace=futex", "-o", str(log), "-p", str(program.pid)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
            assert strace.stderr is not None
            assert Lines(strace.stderr).until("attached") is not None
            found = trace(program, folder, "--threshold", "100us", "--mutex-probe", "off")
            strace.send_signal(signal.SIGINT)
            strace.wait(PATIENCE)
        yield Compared(found, *counted(log))


def counted(log: Path) -> tuple[Counter[int], Counter[int]]:
    """The waits of each word that slept, and those that found it changed."""
    sleeps: Counter[int] = Counter()
    refused: Counter[int] = Counter()
    begun: dict[str, int | None] = {}
    for line in log.read_text().splitlines():
        call, resumed = CALL.match(line), RESUMED.match(line)
        if call:
            begun[call["tid"]] = int(call["word"], 16) if call["command"].startswith(WAITS) else None
        part = call or resumed
        result = RESULT.search(part["rest"]) if part else None
        if part is None or result is None:
            continue
        word = begun.pop(part["tid"], None)
        if word is not None:
            (refused if result["error"] == AWAKE else sleeps)[word] += 1
    return sleeps, refused


@pytest.mark.parametrize("phase", PHASES)
def test_the_same_sleeps(compared: Compared, phase: str) -> None:
    ours = sum(lock["sleeps"] for lock in locks_of(compared.trace, phase))
    assert ours == compared.of_lock(compared.sleeps, phase) > 50


@pytest.mark.parametrize("phase", PHASES)
def test_the_same_refusals(compared: Compared, phase: str) -> None:
    ours = sum(lock["eagain"] for lock in locks_of(compared.trace, phase))
    assert ours == compared.of_lock(compared.refused, phase)
