"""The verdict is about the whole trace, whatever is shown of it."""

from tracer.judging import judged
from tracer.model.kinds import Kind
from tracer.model.locks import Lock
from tracer.model.report import Report, TraceInfo
from tracer.model.waits import LockTotal
from tracer.options import Filters, GroupBy

SECOND = 1_000_000_000
INFO = TraceInfo("0", (), "", 10 * SECOND, 1_000_000, "tracepoint")
TOTAL = LockTotal(Lock(7, 1, Kind.MUTEX, "Manager", "Manager"), 100, 9 * SECOND, SECOND)
GROUPED = LockTotal(Lock(7, 0, Kind.MUTEX, "worker", "worker"), 100, 9 * SECOND, SECOND)


def fold(filters: Filters) -> Report:
    return Report(INFO, (TOTAL if filters.group_by is GroupBy.LOCK else GROUPED,))


def test_groups_and_filters_do_not_change_the_verdict() -> None:
    report = judged(fold, Filters(lock="worker", group_by=GroupBy.THREAD))
    assert report.locks == (GROUPED,)
    assert report.verdict[0].startswith("The mutex Manager costs most")
