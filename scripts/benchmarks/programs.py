"""Test programs, run with and without lockwatch."""

import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from harness import WORKLOADS, Program, Trace, trace

_folder = tempfile.TemporaryDirectory(prefix="lockwatch-bench-")
FOLDER = Path(_folder.name)
Amount = Callable[[dict[str, Any]], float]  # of work, in a program's own account


@cache
def built(source: str) -> Path:
    target = FOLDER / Path(source).stem
    command = ["gcc", "-O2", "-g", "-pthread", "-o", str(target), str(WORKLOADS / source)]
    subprocess.run(command, check=True, timeout=100)
    return target


def alone(source: str, *arguments: str) -> dict[str, Any]:
    """The program's own account of a run that nobody watches."""
    with Program([built(source), *arguments]) as program:
        program.go()
        return program.result()


def traced(source: str, *arguments: str, options: tuple[str, ...] = ()) -> Trace:
    with Program([built(source), *arguments]) as program:
        return trace(program, FOLDER, *options)


def kept(pairs: int, amount: Amount, source: str, *arguments: str, options: tuple[str, ...]) -> list[float]:
    """Percent of its throughput that a program keeps under lockwatch, for each of some interleaved pairs."""
    parts = []
    for index in range(pairs):
        runs = {}
        for watched in (index % 2 == 0, index % 2 != 0):
            if watched:
                runs[True] = amount(traced(source, *arguments, options=options).program)
            else:
                runs[False] = amount(alone(source, *arguments))
        parts.append(100 * runs[True] / runs[False])
    return parts


def acquisitions(account: dict[str, Any]) -> float:
    """Of a program whose sites are calls that take a lock."""
    return float(sum(site["calls"] for site in account["sites"]))


def own(account: dict[str, Any]) -> float:
    """Of tests/workloads/rate.c."""
    return float(account["own"])
