"""The files that a report is written to: opened first, so that a bad name costs nothing."""

import io
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Generic, TextIO, TypeVar

from tracer.errors import FileError, LockwatchError, UsageError
from tracer.model.report import Report
from tracer.output import folded, json_report

STDOUT = "-"
Shown = TypeVar("Shown")


class Claims:
    """Which file is whose: none is read and written, or written twice."""

    def __init__(self, *recordings: str | Path) -> None:
        self._claimed = [(Path(path), "the recording itself") for path in recordings]

    def claim(self, option: str, path: str | Path) -> None:
        """Raises UsageError where the file is another's already."""
        for other, whose in self._claimed:
            if _same_file(Path(path), other):
                raise UsageError(f"{option} {path}: that is {whose}", "name another file")
        self._claimed.append((Path(path), f"the file of {option}"))


def _same_file(path: Path, other: Path) -> bool:
    """Devices and pipes may be written by many."""
    try:
        return path.samefile(other) and path.is_file()
    except OSError:
        return path.resolve() == other.resolve()


class Files(Generic[Shown]):
    """`-` is stdout, and may be named once: what is for people then goes to stderr."""

    def __init__(self, *recordings: str | Path) -> None:
        """`recordings` are read, and so not written."""
        self.claims = Claims(*recordings)
        self._closing = ExitStack()
        self._views: list[tuple[Callable[[Shown, TextIO], None], TextIO, str]] = []
        self.people: TextIO = sys.stdout
        self.failure: FileError | None = None
        """What has gone wrong with another file: to be raised once everything here is written."""

    def add(self, option: str, path: str | None, view: Callable[[Shown, TextIO], None]) -> None:
        """Opens `path` for a view. Raises UsageError for a file that is taken, FileError for a bad one."""
        if path is None:
            return
        if path == STDOUT:
            if self.people is sys.stderr:
                raise UsageError(
                    f"{option} -: stdout is taken by another option already", "write one into a file"
                )
            self.people = sys.stderr
            self._views.append((view, stdout_for_programs(), path))
            return
        self.claims.claim(option, path)
        try:
            file = self._closing.enter_context(open(path, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
        except OSError as error:
            raise FileError(
                f"{option} {path}: {error.strerror}", "name a file that can be written"
            ) from error
        self._views.append((view, file, path))

    def show(self, shown: Shown, for_people: Callable[[Shown, TextIO], None]) -> None:
        """Writes `for_people`, then every other one.

        Raises FileError, as for a full disk; BrokenPipeError where somebody has stopped reading, at the end.
        """
        unread: BrokenPipeError | None = None
        for view, file, path in [(for_people, self.people, "stdout"), *self._views]:
            try:
                view(shown, file)
                file.flush()
            except BrokenPipeError as error:
                unread = error
            except OSError as error:
                raise FileError(f"{path}: {error.strerror}", "is the disk full?") from error
        if unread is not None:
            raise unread

    def close(self) -> None:
        """Closes every file; what could not be written has been told by `write`."""
        with suppress(OSError):
            self._closing.close()


class Outputs(Files[Report]):
    """Where a report goes."""


def stdout_for_programs() -> TextIO:
    """stdout in UTF-8, whatever the locale: what programs read."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    return sys.stdout


def report_outputs(
    outputs: Outputs, json: str | None, folded_file: str | None, folded_threads: bool, holders: str | None
) -> Outputs:
    """`outputs` with those that every verb with a report has."""
    try:
        outputs.add("--json", json, json_report.write)
        outputs.add("--folded", folded_file, folded.write_threads if folded_threads else folded.write)
        outputs.add("--folded-holders", holders, folded.write_holders)
    except LockwatchError:
        outputs.close()
        raise
    return outputs
