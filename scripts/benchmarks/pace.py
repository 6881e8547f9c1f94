"""How much of its pace a program keeps while it is traced: itself before, during and after, again and again.

What else a machine does changes from second to second: each trace is compared with the same process just
before and just after it, and the median of many such comparisons comes with an interval.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness import Program, attached
from programs import built
from scatter import Middle, middle

SLICE = 1.0  # seconds of one look at the pace
SETTLED = 0.3  # seconds after which a trace that began, or ended, no longer disturbs


@dataclass(frozen=True)
class Progress:
    """Of a program since its start. `taken` counts acquisitions."""

    taken: int
    cpu_ns: int
    ns: int


Pace = Callable[[Progress, Progress], float]


def per_time(before: Progress, after: Progress) -> float:
    return (after.taken - before.taken) / (after.ns - before.ns)


def per_cpu_time(before: Progress, after: Progress) -> float:
    """That others use the CPU, too, is not the program's loss."""
    return (after.taken - before.taken) / (after.cpu_ns - before.cpu_ns)


def kept(command: Sequence[str], pace: Pace, options: Sequence[str] | None, rounds: int) -> Middle:
    """Percent, under lockwatch with these options; None: without it, which shows the noise."""
    source, *arguments = command
    with Program([built(source), *arguments]) as program:
        program.go()
        time.sleep(SETTLED)
        parts = [_compare(program, pace, options) for _ in range(rounds)]
    return middle(parts)


def _compare(program: Program, pace: Pace, options: Sequence[str] | None) -> float:
    before = _pace_now(program, pace)
    if options is None:
        during = _pace_now(program, pace)
    else:
        with attached(program.pid, "--quiet", *options) as lockwatch:
            time.sleep(SETTLED)
            during = _pace_now(program, pace)
            assert lockwatch.stop().status == 0
        time.sleep(SETTLED)
    return 100 * during / ((before + _pace_now(program, pace)) / 2)


def _pace_now(program: Program, pace: Pace) -> float:
    before = _progress(program)
    time.sleep(SLICE)
    return pace(before, _progress(program))


def _progress(program: Program) -> Progress:
    program.go()
    return Progress(**program.result())
