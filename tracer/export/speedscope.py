"""speedscope's file format: where is waited and what holds up (sampled), each thread in time (evented)."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO, TypeAlias

from tracer.export.source import Source, frame_names
from tracer.model.locks import Lock, Thread
from tracer.model.report import Report
from tracer.model.stacks import Stack
from tracer.output.names import printable

SCHEMA = "https://www.speedscope.app/file-format-schema.json"
UNIT = "nanoseconds"
Object: TypeAlias = dict[str, Any]
Slice: TypeAlias = tuple[int, int, Sequence[int]]


class _Frames:
    """Indices of shared frames; the stacks that are made of them are outermost first, the lock last."""

    def __init__(self) -> None:
        self.frames: list[Object] = []
        self._indices: dict[tuple[str, str | None, int | None], int] = {}
        self._stacks: dict[tuple[Stack, str], list[int]] = {}

    def stack(self, stack: Stack, lock: Lock) -> Sequence[int]:
        last = f"lock {printable(lock.name)}"
        known = self._stacks.get((stack, last))
        if known is None:
            known = self._stacks[stack, last] = [*reversed(list(self._of(stack))), self._index(last)]
        return known

    def named(self, name: str, lock: Lock) -> Sequence[int]:
        return self._index(f"[{name}]"), self._index(f"lock {printable(lock.name)}")

    def _of(self, stack: Stack) -> Iterator[int]:
        for name, frame in zip(frame_names(stack), (*stack.frames, None), strict=False):
            if frame is None:
                yield self._index(name)
            else:
                yield self._index(name, printable(frame.file or frame.module), frame.line)

    def _index(self, name: str, file: str | None = None, line: int | None = None) -> int:
        known = self._indices.get((name, file, line))
        if known is None:
            known = self._indices[name, file, line] = len(self.frames)
            optional = {"file": file, "line": line}
            self.frames.append({"name": name, **{key: v for key, v in optional.items() if v is not None}})
        return known


def write(source: Source, out: BinaryIO) -> None:
    """Profile by profile: a million waits are gigabytes of this format, so they are never held as objects."""
    frames = _Frames()
    report = source.report()
    targets = ", ".join(f"{printable(target.comm)} ({target.pid})" for target in report.info.targets)
    head = {
        "$schema": SCHEMA,
        "name": f"lockwatch: {targets}",
        "activeProfileIndex": 0,
        "exporter": f"lockwatch@{report.info.version}",
    }
    out.write(_json(head)[:-1] + b',"profiles":[')
    _write_profiles(source, report, frames, out)
    out.write(b'],"shared":' + _json({"frames": frames.frames}) + b"}")


def _write_profiles(source: Source, report: Report, frames: _Frames, out: BinaryIO) -> None:
    waits = ((frames.stack(wait.stack, wait.lock), wait.wait_ns) for wait in report.waits)
    blame = (
        (frames.stack(r.stack, r.lock) if r.stack else frames.named(str(r.what), r.lock), r.blame_ns)
        for r in report.release_sites
    )
    sampled = (_sampled("waits: where is waited", waits), _sampled("blame: what holds up", blame))
    comma = b""
    for profile in sampled:
        if profile["endValue"]:
            out.write(comma + _json(profile))
            comma = b","
    threads = _threads(source, frames)
    for thread in sorted(threads, key=lambda thread: -sum(end - start for start, end, _ in threads[thread])):
        out.write(comma)
        _write_evented(f"{printable(thread.name)}/{thread.tid}", threads[thread], out)
        comma = b","


def _json(value: Object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _sampled(name: str, weighted: Iterable[tuple[Sequence[int], int]]) -> Object:
    pairs = [(stack, weight) for stack, weight in weighted if weight > 0]
    return {
        "type": "sampled",
        "name": name,
        "unit": UNIT,
        "startValue": 0,
        "endValue": sum(weight for _, weight in pairs),
        "samples": [stack for stack, _ in pairs],
        "weights": [weight for _, weight in pairs],
    }


def _threads(source: Source, frames: _Frames) -> dict[Thread, list[Slice]]:
    """The waits of each thread; time 0 is the trace's start."""
    zero = source.started_ns
    threads: dict[Thread, list[Slice]] = {}
    for wait in source.waits():
        stack = frames.stack(wait.stack, wait.lock)
        threads.setdefault(wait.thread, []).append((wait.started_ns - zero, wait.ended_ns - zero, stack))
    for blocked in source.blocked():
        stack = frames.stack(blocked.stack, blocked.lock)
        start = blocked.started_ns - zero
        threads.setdefault(blocked.thread, []).append((start, start + blocked.waited_ns, stack))
    return threads


def _write_evented(name: str, slices: list[Slice], out: BinaryIO) -> None:
    """A thread waits for one lock at a time: what overlaps by the clock's grain begins later."""
    head = {"type": "evented", "name": name, "unit": UNIT, "startValue": 0}
    out.write(_json(head)[:-1] + b',"events":[')
    last, comma = 0, b""
    for start, end, stack in sorted(slices, key=lambda slice_: slice_[:2]):
        start = max(start, last)
        last = max(start, end)
        opened = [f'{{"type":"O","frame":{frame},"at":{start}}}' for frame in stack]
        closed = [f'{{"type":"C","frame":{frame},"at":{last}}}' for frame in reversed(stack)]
        out.write(comma + ",".join(opened + closed).encode())
        comma = b","
    out.write(f'],"endValue":{last}}}'.encode())
