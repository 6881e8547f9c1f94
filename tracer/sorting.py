"""The order of a report's locks."""

from dataclasses import replace
from enum import Enum

from tracer.model.report import Report
from tracer.model.waits import LockTotal
from tracer.output.percentiles import percentile


class SortBy(str, Enum):
    """What the table of locks is sorted by, largest first; names from a to z."""

    TOTAL = "total"
    WAITS = "waits"
    MEAN = "mean"
    P99 = "p99"
    MAX = "max"
    NAME = "name"

    def __str__(self) -> str:
        return self.value


def sort_locks(report: Report, sort_by: SortBy) -> Report:
    """The report with its locks in that order; equal ones stay in the order of their total wait."""
    if sort_by is SortBy.NAME:
        locks = sorted(report.locks, key=lambda total: total.lock.name)
    elif sort_by is SortBy.TOTAL:
        return report
    else:
        locks = sorted(report.locks, key=lambda total: -_value(total, sort_by))
    return replace(report, locks=tuple(locks))


def _value(total: LockTotal, sort_by: SortBy) -> float:
    if sort_by is SortBy.WAITS:
        return total.waits
    if sort_by is SortBy.MAX:
        return total.max_wait_ns
    if sort_by is SortBy.P99:
        return percentile(total.histogram, 0.99, total.max_wait_ns)
    return total.wait_ns / total.waits if total.waits else 0
