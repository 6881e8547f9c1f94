"""Test programs, run with and without lockwatch."""

import subprocess
import tempfile
from functools import cache
from pathlib import Path

from harness import WORKLOADS, Program, Trace, trace

_folder = tempfile.TemporaryDirectory(prefix="lockwatch-bench-")
FOLDER = Path(_folder.name)


@cache
def built(source: str) -> Path:
    target = FOLDER / Path(source).stem
    command = ["gcc", "-O2", "-g", "-pthread", "-o", str(target), str(WORKLOADS / source)]
    subprocess.run(command, check=True, timeout=100)
    return target


def traced(source: str, *arguments: str, options: tuple[str, ...] = ()) -> Trace:
    with Program([built(source), *arguments]) as program:
        return trace(program, FOLDER, *options)
