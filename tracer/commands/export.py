"""`lockwatch export`: a recording in the format of another tool."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, BinaryIO

import typer

from tracer.commands import options
from tracer.errors import FileError, UsageError
from tracer.export.formats import Format, writer
from tracer.export.source import Source
from tracer.outputs import STDOUT, Claims
from tracer.recording import Recording
from tracer.recording.moments import parse_window

BINARY = (Format.PPROF, Format.PERFETTO)

EXAMPLES = """\
lockwatch export run.lockwatch --format pprof --output run.pprof
lockwatch export run.lockwatch --format folded --output - | flamegraph.pl > waits.svg
"""


def export(
    recording: options.RecordingFile,
    chosen: Annotated[Format, typer.Option("--format", help="The other tool's format.")],
    output: Annotated[str, typer.Option("--output", metavar="FILE", help="- is stdout.")],
    holders: Annotated[
        bool, typer.Option("--holders", help="What held the waiters up instead (folded, pprof).")
    ] = False,
    since: options.Since = None,
    until: options.Until = None,
    kinds: options.Kinds = "contention",
    lock: options.LockPattern = None,
) -> None:
    """Write a recording for pprof, Perfetto, speedscope and others."""
    write = writer(chosen, holders)
    filters = options.filters(kinds, lock)
    if output == STDOUT and chosen in BINARY and sys.stdout.isatty():
        raise UsageError(f"{chosen} is binary: not for a terminal", "name a file: --output FILE")
    if output != STDOUT:
        Claims(recording).claim("--output", output)
    with Recording(recording) as opened:
        source = Source(opened, filters, parse_window(since, until, opened.info()))
        with _opened(output) as out:
            write(source, out)


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    """Raises FileError where the file cannot be opened or written."""
    if path == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        with open(path, "wb") as out:  # noqa: PTH123
            yield out
    except OSError as error:
        raise FileError(f"--output {path}: {error.strerror}", "name a file that can be written") from error
