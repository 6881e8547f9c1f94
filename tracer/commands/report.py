"""`lockwatch report`: what `attach` printed, from a recording; without root and without bcc."""

from typing import Annotated

import typer

from tracer.commands import options
from tracer.commands.showing import show
from tracer.options import DEFAULT_TOP, GroupBy
from tracer.outputs import Outputs, report_outputs
from tracer.recording import Recording
from tracer.recording.folding import folded_report
from tracer.recording.moments import parse_window
from tracer.sorting import SortBy, sort_locks

EXAMPLES = """\
lockwatch report run.lockwatch --since 14:03:05 --until 14:03:20
lockwatch report run.lockwatch --kinds all --group-by class --sort p99
"""


def report(
    recording: options.RecordingFile,
    since: options.Since = None,
    until: options.Until = None,
    sort: Annotated[SortBy, typer.Option("--sort", help="The order of the locks.")] = SortBy.TOTAL,
    kinds: options.Kinds = "contention",
    lock: options.LockPattern = None,
    group_by: options.Grouping = GroupBy.LOCK,
    top: options.Top = DEFAULT_TOP,
    json: options.Json = None,
    folded: options.Folded = None,
    folded_threads: options.FoldedThreads = False,
    folded_holders: options.FoldedHolders = None,
) -> None:
    """Show what a recorded trace found, or a part of its time."""
    filters = options.filters(kinds, lock, group_by, top)
    with Recording(recording) as opened:
        window = parse_window(since, until, opened.info())
        outputs = report_outputs(Outputs(recording), json, folded, folded_threads, folded_holders)
        show(sort_locks(folded_report(opened, filters, window), sort), filters, outputs)
