"""Runs test programs, and lockwatch on them, as a user would: as processes, with signals and files."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
WORKLOADS = ROOT / "tests/workloads"
PATIENCE = 60  # seconds that any one step of a test may take
Build = Callable[..., Path]  # the fixture of conftest.py
LOCKWATCH = (sys.executable, "-m", "tracer")


def in_mount_namespace(script: str) -> tuple[str, ...]:
    """A prefix that runs a command in a mount namespace of its own, after the script."""
    return ("unshare", "--mount", "--propagation", "private", "sh", "-c", f'{script}; exec "$@"', "sh")


class Lines:
    """The lines of a pipe, read by a thread of its own, so that waiting for one is bounded."""

    def __init__(self, pipe: IO[str]) -> None:
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.seen: list[str] = []
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def _read(self, pipe: IO[str]) -> None:
        with pipe:
            for line in pipe:
                self.seen.append(line)
                self._queue.put(line)
        self._queue.put(None)

    def next(self, timeout: float = PATIENCE) -> str | None:
        """The next line; None at the end. Raises queue.Empty when it takes too long."""
        return self._queue.get(timeout=timeout)

    def until(self, word: str, timeout: float = PATIENCE) -> str | None:
        """The first line from here on that holds `word`; None when the pipe ends before."""
        while (line := self.next(timeout)) is not None:
            if word in line:
                return line
        return None

    def text(self) -> str:
        """All that was written, once the pipe has ended."""
        self._thread.join(PATIENCE)
        return "".join(self.seen)


class Program:
    """A test program that follows the protocol of tests/workloads/truth.h."""

    def __init__(self, command: Sequence[str | Path], **options: Any) -> None:
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            **options,
        )
        assert self.process.stdout is not None
        self.lines = Lines(self.process.stdout)
        ready = self.lines.next()
        assert ready is not None and ready.startswith("ready")
        self.pid = int(ready.split()[1])

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.lines.text()
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()

    def go(self) -> None:
        """Let the work begin."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def result(self) -> dict[str, Any]:
        """The program's own account, once its work is done. It lives on."""
        line = self.lines.next()
        assert line is not None, "the program died"
        account: dict[str, Any] = json.loads(line)
        return account

    def end(self) -> int:
        """Let the program end, and wait for it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(PATIENCE)


@dataclass(frozen=True)
class Outcome:
    """What a lockwatch that has ended left behind."""

    status: int
    stdout: str
    stderr: str

    @property
    def said(self) -> str:
        """All its output, for the message of a failed assertion."""
        return f"status {self.status}\n{self.stdout}\n{self.stderr}"


class Lockwatch:
    """A running lockwatch."""

    def __init__(self, *arguments: str | int | Path, prefix: Sequence[str] = (), **options: Any) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
        self.process = subprocess.Popen(
            [*prefix, *LOCKWATCH, *(str(argument) for argument in arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **{"env": environment, **options},
        )
        assert self.process.stdout is not None and self.process.stderr is not None
        self.stdout = Lines(self.process.stdout)
        self.stderr = Lines(self.process.stderr)

    def __enter__(self) -> "Lockwatch":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.wait()

    def wait_attached(self) -> None:
        line = self.stderr.until("attached")
        assert line is not None, self.wait().said

    def stop(self, number: int = signal.SIGINT) -> Outcome:
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> Outcome:
        """Wait for its end."""
        status = self.process.wait(PATIENCE)
        return Outcome(status, self.stdout.text(), self.stderr.text())


@contextmanager
def attached(*arguments: str | int | Path, **options: Any) -> Iterator[Lockwatch]:
    """A lockwatch that has attached to the pids that its arguments begin with."""
    with Lockwatch("attach", "--pid", *arguments, **options) as lockwatch:
        lockwatch.wait_attached()
        yield lockwatch


@dataclass(frozen=True)
class Trace:
    """A program's own account and the report on it."""

    program: dict[str, Any]
    report: dict[str, Any]
    outcome: Outcome

    @property
    def pid(self) -> int:
        return int(self.program["pid"])


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Some that compete for the CPUs."""
    with ExitStack() as stack:
        for _ in range(processes):
            process = stack.enter_context(subprocess.Popen(["sh", "-c", "while :; do :; done"]))
            stack.callback(process.kill)
        yield


def trace(
    program: Program,
    folder: Path,
    *options: str | int | Path,
    prefix: Sequence[str] = (),
    beside: AbstractContextManager[object] | None = None,
) -> Trace:
    """Attach, let the program work, `beside` something else, stop; the program lives on."""
    file = folder / "report.json"
    with attached(program.pid, "--json", file, "--quiet", *options, prefix=prefix) as lockwatch:
        with beside or nullcontext():
            program.go()
            own = program.result()
        outcome = lockwatch.stop()
    assert outcome.status == 0, outcome.said
    return Trace(own, json.loads(file.read_text()), outcome)


def run_lockwatch(*arguments: str | int | Path, **options: Any) -> Outcome:
    """Run lockwatch to its end."""
    with Lockwatch(*arguments, **options) as lockwatch:
        return lockwatch.wait()
