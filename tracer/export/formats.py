"""The formats of `lockwatch export`, by name."""

import io
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import BinaryIO, TextIO

from tracer.errors import UsageError
from tracer.export import perfetto, pprof, speedscope, table
from tracer.export.source import Source, Writer
from tracer.model.report import Report
from tracer.output import folded, json_report


class Format(str, Enum):
    """What `--format` takes."""

    FOLDED = "folded"
    SPEEDSCOPE = "speedscope"
    PPROF = "pprof"
    PERFETTO = "perfetto"
    CSV = "csv"
    JSON = "json"

    def __str__(self) -> str:
        return self.value


def _view(view: Callable[[Report, TextIO], None], source: Source, out: BinaryIO) -> None:
    text = io.TextIOWrapper(out, encoding="utf-8", write_through=True)
    view(source.report(), text)
    text.detach()


WRITERS: dict[Format, Writer] = {
    Format.FOLDED: partial(_view, folded.write),
    Format.SPEEDSCOPE: speedscope.write,
    Format.PPROF: pprof.write,
    Format.PERFETTO: perfetto.write,
    Format.CSV: table.write,
    Format.JSON: partial(_view, json_report.write),
}
# Those that hold one of the two sides only, and so have a form for the other one.
HOLDER_WRITERS: dict[Format, Writer] = {
    Format.FOLDED: partial(_view, folded.write_holders),
    Format.PPROF: pprof.write_holders,
}


def writer(chosen: Format, holders: bool) -> Writer:
    """Raises UsageError where a format has no form of its own for what held the waiters up."""
    if not holders:
        return WRITERS[chosen]
    if chosen not in HOLDER_WRITERS:
        one_sided = " and ".join(map(str, HOLDER_WRITERS))
        raise UsageError(f"--holders is for {one_sided}", f"{chosen} has both sides, or waits alone")
    return HOLDER_WRITERS[chosen]
