"""Whether a trace stops its target now and then: how many of its locks take long that nobody else has."""

import json
import time
from collections.abc import Iterator

from harness import Program, attached
from programs import FOLDER, built
from rows import Row, at_most

THREADS, PAUSE_US, SLOW_MS = 8, 200, 4
SECONDS = 10.0
TINY_BUDGET = "0.1"  # %: so that the probe comes and goes all the time
MOST = 2.0  # a second, more than untraced: the sampled probe comes and goes ten times


def slow_locks() -> Iterator[Row]:
    """Of threads that have each a mutex of their own: untraced, and while the mutex probe comes and goes."""
    with Program([built("stops.c"), str(THREADS), str(PAUSE_US), str(1000 * SLOW_MS)]) as program:
        program.go()
        untraced = _a_second(program)
        file = FOLDER / "stops.json"
        with attached(program.pid, "--overhead-budget", TINY_BUDGET, "--json", file, "--quiet") as lockwatch:
            traced = _a_second(program)
            assert lockwatch.stop().status == 0
    probe = json.loads(file.read_text())["mutex_probe"]
    what = f"locks of {SLOW_MS} ms or more that nobody else had, a second"
    yield Row(f"{what}, not traced", f"{untraced:.3g}", "", None)
    yield at_most(f"{what}, probe {probe['state']}", traced, untraced + MOST, "")


def _a_second(program: Program) -> float:
    before = _slow(program)
    time.sleep(SECONDS)
    return (_slow(program) - before) / SECONDS


def _slow(program: Program) -> int:
    program.go()
    return int(program.result()["slow"])
