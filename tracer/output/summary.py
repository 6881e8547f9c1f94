"""The end of a trace, for people: the verdict first, the health of the trace last."""

from collections.abc import Callable
from typing import TextIO

from tracer.model.locks import Lock
from tracer.model.report import Report
from tracer.model.waits import LockTotal
from tracer.output.durations import count, counted, duration, share
from tracer.output.health import write_health
from tracer.output.locks import is_storm, storm_sentence, write_details, write_locks
from tracer.output.names import printable, thread_label
from tracer.output.page import Column, Page
from tracer.output.requests import write_requests
from tracer.output.waiting import write_waiting

TOP = 20
# Idle waits are a part of their own, and a short one.
IDLE_ROWS = 5

Chosen = Callable[[Lock], bool]


def write(report: Report, out: TextIO, top: int = TOP, chosen: Chosen = lambda lock: True) -> None:
    """`top`: rows of a table at most. `chosen`: the locks that the tables show (`report.locks` is whole)."""
    page = Page(out)
    _write_verdict(page, report)
    totals = [total for total in report.locks if chosen(total.lock)]
    contended = [total for total in totals if total.lock.kind.contention and _seen(total)]
    idle = [total for total in totals if not total.lock.kind.contention and total.waits]
    _write_head(page, report, contended)
    if contended:
        write_locks(page, "Locks, by the time waited for them", report, contended, top)
        write_details(page, report, contended, top)
        _write_storms(page, report, contended)
    if report.requests is not None:
        write_requests(page, report.requests, top)
    if idle:
        write_locks(page, "Idle waits and hand-overs", report, idle, min(top, IDLE_ROWS))
        write_details(page, report, idle, 1)
    _write_threads(page, report, top)
    write_waiting(page, report, top)
    write_health(page, report)
    page.flush()


def _seen(total: LockTotal) -> bool:
    return bool(total.waits or total.unfinished)


def _write_verdict(page: Page, report: Report) -> None:
    if report.verdict:
        page.title("Verdict")
    for sentence in report.verdict:
        page.paragraph(printable(sentence))


def _write_head(page: Page, report: Report, contended: list[LockTotal]) -> None:
    info = report.info
    targets = ", ".join(f"{printable(target.comm)} ({target.pid})" for target in info.targets)
    page.line()
    ended = f" ({info.end_reason})" if info.end_reason else ""
    page.paragraph(f"Traced {targets} for {duration(info.duration_ns)}{ended}.", "bold", indent="")
    page.paragraph(_waits_in_words(report, contended), indent="")


def _waits_in_words(report: Report, contended: list[LockTotal]) -> str:
    threshold = duration(report.info.threshold_ns)
    calls = counted(report.health.futex_calls, "futex call")
    waits = sum(total.waits for total in contended)
    if not waits:
        return f"No thread waited for a lock; {calls} seen."
    whole = sum(total.wait_ns for total in contended)
    long_waits = sum(total.long_waits for total in contended)
    long_ns = sum(total.long_wait_ns for total in contended)
    text = f"{counted(waits, 'wait')} for {counted(len(contended), 'lock')}, {duration(whole)} in all"
    if not long_waits:
        return f"{text}; none of them reached {threshold}; {calls} seen."
    return f"{text}; {count(long_waits)} of them {threshold} or longer ({share(long_ns, whole)} of the time)."


def _write_storms(page: Page, report: Report, contended: list[LockTotal]) -> None:
    """Those of the locks that have no part of their own."""
    detailed = {site.lock for site in report.call_sites}
    for total in contended:
        if is_storm(total) and total.lock not in detailed:
            page.paragraph(storm_sentence(total), style="yellow")


def _write_threads(page: Page, report: Report, top: int) -> None:
    threads = sorted(report.threads, key=lambda total: -total.wait_ns)
    if not threads:
        return
    page.title(f"Threads, by their waits of {duration(report.info.threshold_ns)} or more")
    whole = sum(total.wait_ns for total in threads)
    columns = (
        Column("THREAD", elastic=True, style="green"),
        Column("WAITS", right=True),
        Column("TOTAL", right=True),
        Column("SHARE", right=True),
    )
    rows = (
        (thread_label(t.thread), count(t.waits), duration(t.wait_ns), share(t.wait_ns, whole))
        for t in threads[:top]
    )
    page.table(columns, rows)
    if len(threads) > top:
        page.line((f"  ... and {counted(len(threads) - top, 'more thread')}", "dim"))
