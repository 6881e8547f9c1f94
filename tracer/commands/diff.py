"""`lockwatch diff`: two recordings compared; an exit code for CI."""

import sys
from contextlib import ExitStack
from typing import Annotated

import typer

from tracer.commands import options
from tracer.comparing.compare import compare
from tracer.comparing.limit import above, parse_limit
from tracer.model.comparison import Comparison, Per
from tracer.options import DEFAULT_TOP
from tracer.output import comparison as views
from tracer.output.names import printable
from tracer.outputs import Files
from tracer.recording import Recording

WORSE = 1

EXAMPLES = """\
lockwatch diff before.lockwatch after.lockwatch --per request
lockwatch diff before.lockwatch after.lockwatch --fail-above 20%
"""


def diff(
    before: Annotated[str, typer.Argument(metavar="BEFORE", help="A recording.")],
    after: Annotated[str, typer.Argument(metavar="AFTER", help="A recording, to be judged by BEFORE.")],
    per: Annotated[Per, typer.Option("--per", help="What waiting is measured against.")] = Per.SECOND,
    fail_above: Annotated[
        str | None,
        typer.Option(
            "--fail-above",
            metavar="SHARE",
            help="Exit 1 where waiting grew by more (20%), and not by chance.",
        ),
    ] = None,
    kinds: options.Kinds = "contention",
    lock: options.LockPattern = None,
    top: options.Top = DEFAULT_TOP,
    json: options.Json = None,
    folded: Annotated[
        str | None,
        typer.Option("--folded", metavar="FILE", help="Folded stacks with both sides, as difffolded.pl's."),
    ] = None,
) -> int:
    """Compare two recordings: what got slower, faster, new, gone."""
    limit = None if fail_above is None else parse_limit(fail_above)
    filters = options.filters(kinds, lock)
    outputs: Files[Comparison] = Files(before, after)
    with ExitStack() as closing:
        earlier, later = (closing.enter_context(Recording(path)) for path in (before, after))
        compared = compare(earlier, later, per, filters)
        closing.callback(outputs.close)
        outputs.add("--json", json, views.write_json)
        outputs.add("--folded", folded, views.write_folded)
        outputs.show(compared, lambda shown, out: views.write(shown, out, top))
    return 0 if limit is None else _judged(compared, limit)


def _judged(compared: Comparison, limit: float) -> int:
    worse = above(compared, limit)
    for change in worse:
        growth = "new" if change.growth is None else f"{change.growth:+.1%}"
        print(f"lockwatch: {printable(change.identity)}: {growth}, above {limit:.0%}", file=sys.stderr)
    return WORSE if worse else 0
