"""`lockwatch attach`: trace running processes, show their long waits live, end in the report."""

from typing import Annotated

import typer

from tracer.commands import options
from tracer.commands.pids import parse_pids
from tracer.commands.tracing import Telling, trace
from tracer.config import ProbeMode, TraceConfig
from tracer.durations import parse_duration
from tracer.options import DEFAULT_TOP, GroupBy
from tracer.outputs import Outputs, report_outputs

DEFAULT_RATE = 50

EXAMPLES = """\
lockwatch attach --pid $(pidof libvirtd)
lockwatch attach --pid 4711 --threshold 200us --duration 30s --quiet
lockwatch attach --pid 4711 --kinds all --group-by class
lockwatch attach --pid 4711 --folded - | flamegraph.pl > waits.svg
"""


def attach(
    pid: options.Pids = None,
    threshold: options.Threshold = "1ms",
    duration: options.Duration = None,
    kinds: options.Kinds = "contention",
    lock: options.LockPattern = None,
    group_by: options.Grouping = GroupBy.LOCK,
    top: options.Top = DEFAULT_TOP,
    json: options.Json = None,
    folded: options.Folded = None,
    folded_threads: options.FoldedThreads = False,
    folded_holders: options.FoldedHolders = None,
    output: Annotated[
        str | None, typer.Option("--output", metavar="FILE", help="Record everything for `lockwatch report`.")
    ] = None,
    rate: Annotated[
        int, typer.Option("--rate", metavar="N", min=1, help="Live lines a second at most.")
    ] = DEFAULT_RATE,
    quiet: Annotated[bool, typer.Option("--quiet", help="No live lines.")] = False,
    mutex_probe: options.Probe = ProbeMode.AUTO,
    overhead_budget: options.Budget = "2%",
    requests: options.Requests = "auto",
    sched: options.Sched = False,
    object_names: options.ObjectNames = True,
) -> None:
    """Show long lock waits as they end, and then where the time went."""
    config = TraceConfig(
        pids=parse_pids(pid or []),
        threshold_ns=parse_duration(threshold, "--threshold"),
        duration_ns=parse_duration(duration, "--duration") if duration else None,
        filters=options.filters(kinds, lock, group_by, top),
        mutex_probe=mutex_probe,
        overhead_budget=options.parse_share(overhead_budget, "--overhead-budget"),
        requests=requests,
        sched=sched,
        object_names=object_names,
        each_release=output is not None,
    )
    outputs = Outputs()
    if output is not None:
        outputs.claims.claim("--output", output)
    report_outputs(outputs, json, folded, folded_threads, folded_holders)
    trace(config, Telling(None if quiet else rate, output), outputs)
