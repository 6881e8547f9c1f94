"""A report with its verdict, which is about the whole trace whatever the report's filters and groups are."""

from collections.abc import Callable
from dataclasses import replace

from tracer.model.kinds import Kind
from tracer.model.report import Report
from tracer.options import CONTENTION, Filters, GroupBy
from tracer.verdict import verdict

EVERYTHING = Filters(frozenset(Kind))


def _is_whole(filters: Filters) -> bool:
    """Nothing that a verdict looks at is left out or gathered."""
    return filters.kinds >= CONTENTION and filters.lock is None and filters.group_by is GroupBy.LOCK


def judged(fold: Callable[[Filters], Report], filters: Filters) -> Report:
    """`fold` makes the report of one trace, through filters."""
    report = fold(filters)
    return replace(report, verdict=verdict(report if _is_whole(filters) else fold(EVERYTHING)))
