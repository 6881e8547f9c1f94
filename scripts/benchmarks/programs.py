"""Test programs, run with and without lockwatch."""

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from harness import WORKLOADS, Program, Trace, trace

from tracer.probe.clocks import process_cpu_ns

_folder = tempfile.TemporaryDirectory(prefix="lockwatch-bench-")
FOLDER = Path(_folder.name)
Amount = Callable[[dict[str, Any], int], float]  # of work, by a program's own account and its pid


@cache
def built(source: str) -> Path:
    target = FOLDER / Path(source).stem
    command = ["gcc", "-O2", "-g", "-pthread", "-o", str(target), str(WORKLOADS / source)]
    subprocess.run(command, check=True, timeout=100)
    return target


def traced(source: str, *arguments: str, options: tuple[str, ...] = ()) -> Trace:
    with Program([built(source), *arguments]) as program:
        return trace(program, FOLDER, *options)


def work_done(amount: Amount, command: Sequence[str], options: tuple[str, ...] | None) -> float:
    """Of a run with lockwatch and these options, or (None) without."""
    source, *arguments = command
    with Program([built(source), *arguments]) as program:
        if options is not None:
            account = trace(program, FOLDER, *options).program
        else:
            program.go()
            account = program.result()
        return amount(account, program.pid)


def kept(pairs: int, amount: Amount, command: Sequence[str], options: tuple[str, ...]) -> list[float]:
    """Percent of its work that a program still does under lockwatch, for each of some interleaved pairs."""
    parts = []
    for index in range(pairs):
        if index % 2:
            without = work_done(amount, command, None)
            parts.append(100 * work_done(amount, command, options) / without)
        else:
            watched = work_done(amount, command, options)
            parts.append(100 * watched / work_done(amount, command, None))
    return parts


def acquisitions(account: dict[str, Any], _pid: int) -> float:
    """Of a program whose sites are calls that take a lock."""
    return float(sum(site["calls"] for site in account["sites"]))


def own_per_cpu_time(account: dict[str, Any], pid: int) -> float:
    """Of tests/workloads/rate.c, per ns of its CPU time: that others use the CPU, too, is not its loss."""
    return float(account["own"] / process_cpu_ns(pid))
