"""A profile for pprof: contentions/count and delay/nanoseconds, like Go's mutex profile."""

import gzip
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import PurePath
from typing import Any, BinaryIO, TypeAlias

from tracer.export.protos import messages
from tracer.export.source import Source
from tracer.model.report import Report
from tracer.model.stacks import Frame, Stack, StackEnd
from tracer.output.names import printable
from tracer.recording import WHOLE

PAGE = 4096

Labels: TypeAlias = dict[str, str | int]


class _Profile:
    """A profile that grows: strings, mappings, functions and locations are written once each."""

    def __init__(self, build_ids: dict[str, str | None]) -> None:
        self._messages = messages("profile")
        self._build_ids = build_ids
        self.message: Any = self._messages.Profile()
        self._strings: dict[str, int] = {}
        self._mappings: dict[tuple[int, str, int], Any] = {}
        self._functions: dict[tuple[str, str], int] = {}
        self._locations: dict[tuple[int, Frame], int] = {}
        self.string("")

    def string(self, text: str) -> int:
        known = self._strings.get(text)
        if known is None:
            known = self._strings[text] = len(self._strings)
            self.message.string_table.append(text)
        return known

    def value_type(self, name: str, unit: str) -> Any:
        return self._messages.ValueType(type=self.string(name), unit=self.string(unit))

    def main_first(self, report: Report, stacks: Iterable[Stack]) -> None:
        """The first mapping names the profile: that of a target's own file, where a stack has it."""
        programs = {PurePath(target.exe).name: target.pid for target in report.info.targets}
        for frame in chain.from_iterable(stack.frames for stack in stacks):
            name = PurePath(frame.module).name
            if name in programs:
                self._mapping(programs[name], frame)
                return

    def sample(self, pid: int, stack: Stack, values: tuple[int, int], labels: Labels) -> None:
        """Labels that are empty are left out."""
        sample = self.message.sample.add(value=values)
        sample.location_id.extend(self._location(pid, frame) for frame in stack.frames)
        for key, value in labels.items():
            if isinstance(value, int):
                sample.label.add(key=self.string(key), num=value)
            elif value:
                sample.label.add(key=self.string(key), str=self.string(printable(value)))

    def _location(self, pid: int, frame: Frame) -> int:
        known = self._locations.get((pid, frame))
        if known is not None:
            return known
        known = self._locations[pid, frame] = len(self._locations) + 1
        mapping = self._mapping(pid, frame)
        location = self.message.location.add(id=known, mapping_id=mapping.id, address=frame.address)
        if frame.function is not None:
            function = self._function(printable(frame.function), printable(frame.file or ""))
            location.line.add(function_id=function, line=frame.line or 0)
            mapping.has_functions = True
            mapping.has_filenames |= frame.file is not None
            mapping.has_line_numbers |= frame.line is not None
        return known

    def _function(self, name: str, file: str) -> int:
        known = self._functions.get((name, file))
        if known is None:
            known = self._functions[name, file] = len(self._functions) + 1
            text = self.string(name)
            self.message.function.add(id=known, name=text, system_name=text, filename=self.string(file))
        return known

    def _mapping(self, pid: int, frame: Frame) -> Any:
        """The module, as far as frames of it were seen, where it lies with its load bias."""
        bias = max(0, frame.address - frame.offset)
        mapping = self._mappings.get((pid, frame.module, bias))
        if mapping is None:
            mapping = self.message.mapping.add(
                id=len(self._mappings) + 1,
                memory_start=bias,
                filename=self.string(printable(frame.module)),
                build_id=self.string(self._build_ids.get(frame.module) or ""),
            )
            self._mappings[pid, frame.module, bias] = mapping
        last = (1 << 64) - 1
        mapping.memory_limit = max(mapping.memory_limit, min(last, (frame.address // PAGE + 1) * PAGE))
        return mapping


def write(source: Source, out: BinaryIO) -> None:
    """Where is waited, by call site, thread and request."""
    profile = _Profile(source.recording.build_ids)
    _set_types(profile, ("contentions", "count"), ("delay", "nanoseconds"))
    report = source.report()
    profile.main_first(report, (wait.stack for wait in report.waits))
    for wait in report.waits:
        labels: Labels = {
            "lock": wait.lock.name,
            "kind": str(wait.kind),
            "class": wait.lock.class_name or "",
            "thread": wait.thread.name,
            "request": wait.request or "",
            "pid": wait.lock.pid,
        }
        profile.sample(wait.lock.pid, wait.stack, (wait.waits, wait.wait_ns), labels)
    _finish(profile, source, out)


def write_holders(source: Source, out: BinaryIO) -> None:
    """What held the waiters up, by release site, thread and request."""
    profile = _Profile(source.recording.build_ids)
    _set_types(profile, ("releases", "count"), ("blame", "nanoseconds"))
    report = source.report()
    profile.main_first(report, (release.stack for release in report.release_sites if release.stack))
    for release in report.release_sites:
        labels: Labels = {
            "lock": release.lock.name,
            "what": str(release.what),
            "thread": release.thread.name if release.thread else "",
            "request": release.request or "",
            "pid": release.lock.pid,
        }
        stack = release.stack or _nowhere(str(release.what))
        profile.sample(release.lock.pid, stack, (release.releases, release.blame_ns), labels)
    _finish(profile, source, out)


def _nowhere(what: str) -> Stack:
    """A frame of its own for blame that no single stack stands for."""
    return Stack((Frame(f"[{what}]", "", 0, 0),), StackEnd.COMPLETE)


def _set_types(profile: _Profile, count: tuple[str, str], time: tuple[str, str]) -> None:
    profile.message.sample_type.extend((profile.value_type(*count), profile.value_type(*time)))
    profile.message.default_sample_type = profile.string(time[0])
    profile.message.period_type.CopyFrom(profile.value_type(*count))
    profile.message.period = 1


def _finish(profile: _Profile, source: Source, out: BinaryIO) -> None:
    info = source.recording.info(source.window)
    profile.message.time_nanos = source.started_epoch_ns + (source.window.since_ns or 0)
    profile.message.duration_nanos = info.duration_ns
    profile.message.comment.extend(profile.string(comment) for comment in _comments(source))
    out.write(gzip.compress(profile.message.SerializeToString(), mtime=0))


def _comments(source: Source) -> Iterator[str]:
    info = source.recording.info(WHOLE)
    yield f"lockwatch {info.version}"
    yield f"waits of {info.threshold_ns} ns or longer"
    for note in source.recording.health(source.window).notes:
        yield printable(note)
