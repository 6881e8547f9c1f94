"""A report with its verdict, which is about the whole trace whatever the report's filters and groups are."""

from collections.abc import Callable
from dataclasses import replace

from tracer.model.kinds import Kind
from tracer.model.report import Report
from tracer.options import Filters
from tracer.verdict import verdict

EVERYTHING = Filters(frozenset(Kind))


def judged(fold: Callable[[Filters], Report], filters: Filters) -> Report:
    """`fold` makes the report of one trace, through filters."""
    return replace(fold(filters), verdict=verdict(fold(EVERYTHING)))
