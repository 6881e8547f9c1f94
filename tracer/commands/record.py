"""`lockwatch record`: trace running processes, or a command from its first instruction, into a file."""

from typing import Annotated

import typer

from tracer.commands import options
from tracer.commands.pids import parse_pids
from tracer.commands.tracing import Telling, trace
from tracer.config import ProbeMode, TraceConfig
from tracer.durations import parse_duration
from tracer.errors import UsageError
from tracer.launching import Launched
from tracer.outputs import Outputs

EXAMPLES = """\
lockwatch record --pid $(pidof libvirtd) --output run.lockwatch
lockwatch record --output run.lockwatch -- ./program --with args
"""


def record(
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Where the recording goes.")
    ] = "run.lockwatch",
    pid: options.Pids = None,
    command: Annotated[
        list[str] | None, typer.Argument(metavar="-- COMMAND...", help="Start this and trace it.")
    ] = None,
    threshold: options.Threshold = "1ms",
    duration: options.Duration = None,
    mutex_probe: options.Probe = ProbeMode.AUTO,
    overhead_budget: options.Budget = "2%",
    requests: options.Requests = "auto",
    sched: options.Sched = False,
    object_names: options.ObjectNames = True,
) -> None:
    """Record running processes, or a command from its start."""
    if bool(command) == bool(pid):
        raise UsageError("give either --pid or a command", "lockwatch record --output FILE -- COMMAND ...")
    threshold_ns = parse_duration(threshold, "--threshold")
    duration_ns = parse_duration(duration, "--duration") if duration else None
    share = options.parse_share(overhead_budget, "--overhead-budget")
    launched = Launched(command) if command else None
    config = TraceConfig(
        pids=(launched.pid,) if launched else parse_pids(pid or []),
        threshold_ns=threshold_ns,
        duration_ns=duration_ns,
        mutex_probe=mutex_probe,
        overhead_budget=share,
        requests=requests,
        sched=sched,
        object_names=object_names,
        each_release=True,
    )
    outputs = Outputs()
    try:
        trace(config, Telling(None, output), outputs, launched)
    except BaseException:
        if launched is not None:
            launched.end()
        raise
