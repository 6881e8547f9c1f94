"""Folded stacks, as flamegraph.pl, inferno and speedscope read them: `outermost;...;innermost;lock NAME N`.

N is in microseconds. The lines of a dump add up to its waiting time, rounded down once.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import TextIO

from tracer.model.report import Report, TraceInfo
from tracer.model.stacks import Stack
from tracer.output.names import folded_lock, folded_name

Weighted = Iterable[tuple[tuple[str, ...], int]]
"""Frames, outermost first, and nanoseconds."""


def write(report: Report, out: TextIO) -> None:
    """Where is waited: the call sites."""
    processes = _processes(report.info)
    _write_lines(
        (
            (
                (_process(processes, site.lock.pid), *_frames(site.stack), folded_lock(site.lock)),
                site.wait_ns,
            )
            for site in report.call_sites
        ),
        out,
    )


def write_threads(report: Report, out: TextIO) -> None:
    """Where each thread waits: its name is the second frame."""
    processes = _processes(report.info)
    _write_lines(
        (
            (
                (
                    _process(processes, wait.lock.pid),
                    folded_name(wait.thread.name),
                    *_frames(wait.stack),
                    folded_lock(wait.lock),
                ),
                wait.wait_ns,
            )
            for wait in report.waits
        ),
        out,
    )


def write_holders(report: Report, out: TextIO) -> None:
    """What held the waiters up: the release sites, weighted with their blame."""
    processes = _processes(report.info)
    _write_lines(
        (
            (
                (
                    _process(processes, site.lock.pid),
                    *(_frames(site.stack) if site.stack else (f"[{site.what}]",)),
                    folded_lock(site.lock),
                ),
                site.blame_ns,
            )
            for site in report.release_sites
        ),
        out,
    )


def _processes(info: TraceInfo) -> dict[int, str]:
    return {target.pid: folded_name(target.comm) for target in info.targets}


def _process(names: dict[int, str], pid: int) -> str:
    return names.get(pid, str(pid))


def _frames(stack: Stack) -> tuple[str, ...]:
    names = tuple(folded_name(frame.label) for frame in reversed(stack.frames))
    return names if stack.complete else (f"[incomplete: {stack.end}]", *names)


def _write_lines(stacks: Weighted, out: TextIO) -> None:
    sums: defaultdict[tuple[str, ...], int] = defaultdict(int)
    for frames, nanoseconds in stacks:
        sums[frames] += nanoseconds
    written_ns = written_us = 0
    for frames, nanoseconds in sorted(sums.items()):
        written_ns += nanoseconds
        microseconds = written_ns // 1000 - written_us
        written_us += microseconds
        if microseconds:
            out.write(f"{';'.join(frames)} {microseconds}\n")
