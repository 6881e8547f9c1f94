"""The files that a report is written to: opened first, so that a bad name costs nothing."""

import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Generic, TextIO, TypeVar

from tracer.errors import FileError, UsageError
from tracer.model.report import Report
from tracer.output import folded, json_report

STDOUT = "-"
Shown = TypeVar("Shown")


class Files(Generic[Shown]):
    """`-` is stdout, and may be named once: what is for people then goes to stderr."""

    def __init__(self) -> None:
        self._closing = ExitStack()
        self._views: list[tuple[Callable[[Shown, TextIO], None], TextIO, str]] = []
        self.people: TextIO = sys.stdout
        self.failure: FileError | None = None
        """What has gone wrong with another file: to be raised once everything here is written."""

    def add(self, option: str, path: str | None, view: Callable[[Shown, TextIO], None]) -> None:
        """Opens `path` for a view. Raises UsageError for a second `-`, FileError for a bad file."""
        if path is None:
            return
        if path == STDOUT:
            if self.people is sys.stderr:
                raise UsageError(
                    f"{option} -: stdout is taken by another option already", "write one into a file"
                )
            self.people = sys.stderr
            self._views.append((view, sys.stdout, path))
            return
        try:
            file = self._closing.enter_context(open(path, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
        except OSError as error:
            raise FileError(
                f"{option} {path}: {error.strerror}", "name a file that can be written"
            ) from error
        self._views.append((view, file, path))

    def write(self, shown: Shown) -> None:
        """Writes every view. Raises FileError, as for a full disk."""
        for view, file, path in self._views:
            try:
                view(shown, file)
                file.flush()
            except BrokenPipeError:
                raise
            except OSError as error:
                raise FileError(f"{path}: {error.strerror}", "is the disk full?") from error

    def close(self) -> None:
        """Closes every file; what could not be written has been told by `write`."""
        with suppress(OSError):
            self._closing.close()


class Outputs(Files[Report]):
    """Where a report goes."""


def report_outputs(
    json: str | None, folded_file: str | None, folded_threads: bool, holders: str | None
) -> Outputs:
    """The outputs that every verb with a report has."""
    outputs = Outputs()
    outputs.add("--json", json, json_report.write)
    outputs.add("--folded", folded_file, folded.write_threads if folded_threads else folded.write)
    outputs.add("--folded-holders", holders, folded.write_holders)
    return outputs
