"""Options that several verbs share."""

from typing import Annotated

import typer

from tracer.config import ProbeMode
from tracer.errors import UsageError
from tracer.options import DEFAULT_TOP, Filters, GroupBy, parse_kinds

Kinds = Annotated[
    str,
    typer.Option(
        "--kinds",
        metavar="KINDS",
        help="contention, idle, all, or a list: mutex, rwlock, pi-mutex, sem, once, arena, job, cond, ...",
    ),
]
LockPattern = Annotated[
    str | None,
    typer.Option(
        "--lock", metavar="LOCK", help="Only this lock: an address, or a pattern of names (virDomainObj*)."
    ),
]
Grouping = Annotated[GroupBy, typer.Option("--group-by", help="What one row of the tables stands for.")]
Top = Annotated[int, typer.Option("--top", metavar="N", min=1, help="Rows of a table at most.")]
Json = Annotated[str | None, typer.Option("--json", metavar="FILE", help="The report as JSON; - is stdout.")]
Folded = Annotated[
    str | None,
    typer.Option(
        "--folded", metavar="FILE", help="Waits as folded stacks, in us, for flame graphs; - is stdout."
    ),
]
FoldedThreads = Annotated[
    bool, typer.Option("--folded-threads", help="The thread's name as second frame of --folded.")
]
FoldedHolders = Annotated[
    str | None,
    typer.Option("--folded-holders", metavar="FILE", help="Blame as folded stacks of the releasing threads."),
]

Pids = Annotated[
    list[str] | None,
    typer.Option(
        "--pid", metavar="PID...", help="Process ids: repeated, with commas, or as $(pidof NAME) expands."
    ),
]
Threshold = Annotated[
    str, typer.Option("--threshold", metavar="TIME", help="What counts as a long wait: 500us, 1ms, 2s, 0.")
]
Duration = Annotated[
    str | None,
    typer.Option(
        "--duration",
        metavar="TIME",
        help="Stop after so long: 10s, 5m. Default: Ctrl-C, or the target's end.",
    ),
]
Probe = Annotated[
    ProbeMode, typer.Option("--mutex-probe", help="Count how often each mutex is taken, within the budget.")
]
Budget = Annotated[
    str,
    typer.Option(
        "--overhead-budget",
        metavar="SHARE",
        help="What the mutex probe may cost, of the target's CPU time: 2%.",
    ),
]
Requests = Annotated[
    str,
    typer.Option(
        "--requests",
        metavar="SOURCE",
        help="libvirt, off, a pattern of functions that serve a request (handle_*), or auto.",
    ),
]
Sched = Annotated[
    bool,
    typer.Option(
        "--sched",
        help="Split the rest of a request's time into CPU, run queue and blocking; "
        "costs about 0.3 us at each context switch of the machine.",
    ),
]
ObjectNames = Annotated[
    bool,
    typer.Option(
        "--object-names/--no-object-names", help='Which object a lock belongs to: virDomainObj "vm-7".'
    ),
]


def parse_share(text: str, option: str) -> float:
    """`2%` or `0.02`. Raises UsageError."""
    number = text.strip().removesuffix("%")
    try:
        share = float(number) / (100 if text.strip().endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise UsageError(f"{option}: {text!r} is no share", "write it as 2% or 0.02")
    return share


def filters(
    kinds: str, lock: str | None, group_by: GroupBy = GroupBy.LOCK, top: int = DEFAULT_TOP
) -> Filters:
    """Raises UsageError for a kind that does not exist."""
    return Filters(parse_kinds(kinds), lock, group_by, top)


RecordingFile = Annotated[str, typer.Argument(metavar="RECORDING", help="A file that lockwatch recorded.")]
Since = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="MOMENT", help="From here on: seconds from the start (12.5), 1m, or a clock time."
    ),
]
Until = Annotated[str | None, typer.Option("--until", metavar="MOMENT", help="Up to here: as --since.")]
