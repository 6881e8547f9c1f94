"""A libvirtd of its own under load, and lockwatch on it."""

import json
import subprocess
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness import PATIENCE, ROOT, Lines, Lockwatch, Outcome

LAB = ROOT / "scripts/libvirt-lab"
CLASSES_SECONDS = 1.0  # classes of objects are looked for in the first moments of a trace


class Lab:
    """A libvirtd that waits, ready and warmed up, until `go` starts its clients."""

    def __init__(self, folder: Path, *options: str | int) -> None:
        self.file = folder / "clients.json"
        command = [LAB, "--hold", "--json", self.file, *options]
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        self.lines = Lines(self.process.stdout)

    def __enter__(self) -> "Lab":
        ready = self.lines.until("is ready", 5 * PATIENCE)  # it may have to install libvirt and QEMU first
        if ready is None:
            self.__exit__()
        assert ready is not None, self.lines.text()
        self.pid = int(ready.split()[1])
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)
        assert self.process.stdin is not None
        self.process.stdin.close()

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def result(self) -> dict[str, Any]:
        """What the clients measured, once they are done; the daemon has ended then."""
        status = self.process.wait(2 * PATIENCE)
        assert status == 0, self.lines.text()
        measured: dict[str, Any] = json.loads(self.file.read_text())
        return measured


@dataclass(frozen=True)
class Traced:
    """The clients' own account, and the report on the daemon."""

    clients: dict[str, Any]
    report: dict[str, Any]
    outcome: Outcome

    @cached_property
    def requests(self) -> dict[str, Any]:
        return {request["api"]: request for request in self.report["requests"]}

    @property
    def verdict(self) -> str:
        return "\n".join(self.report["verdict"])

    def of_clients(self, api: str, what: str) -> int:
        """A sum over all runs."""
        return sum(run["apis"][api][what] for run in self.clients["runs"])

    @property
    def apis(self) -> set[str]:
        return {api for run in self.clients["runs"] for api in run["apis"]}

    def total(self, what: str) -> int:
        """Of all API calls that the clients timed."""
        return sum(int(self.requests[api][what]) for api in self.apis)


def trace_lab(folder: Path, *options: str | int, attach: tuple[str, ...] = ()) -> Traced:
    """Attaches to the daemon, lets its clients work to their end."""
    file = folder / "report.json"
    with (
        Lab(folder, *options) as lab,
        Lockwatch("attach", "--pid", lab.pid, "--json", file, "--quiet", *attach) as lockwatch,
    ):
        lockwatch.wait_attached()
        time.sleep(CLASSES_SECONDS)
        lab.go()
        clients = lab.result()
        outcome = lockwatch.wait()
    assert outcome.status == 0, outcome.said
    return Traced(clients, json.loads(file.read_text()), outcome)
