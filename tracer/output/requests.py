"""The API calls of a server: where their time went."""

from tracer.model.requests import HeldUpBy, RequestTotal
from tracer.output.durations import count, duration
from tracer.output.names import printable
from tracer.output.page import Column, Page

# Calls that are explained below the table, and how many lines each.
DETAILED = 5
HOLDERS = 3
# What takes a smaller part of an API's time is not told.
TOLD_PART = 0.01

_COLUMNS = (
    Column("API CALL", elastic=True, style="blue"),
    *(
        Column(title, right=True, spare=spare)
        for title, spare in (
            ("CALLS", 0),
            ("ERRORS", 4),
            ("P50", 2),
            ("P90", 3),
            ("MAX", 1),
            ("TOTAL", 0),
            ("THROTTLED", 0),
            ("QUEUED", 0),
            ("LOCKS", 0),
            ("CONDS", 0),
        )
    ),
)
_PLAIN = (Column("OTHER", right=True),)
_SCHEDULED = tuple(Column(title, right=True) for title in ("CPU", "RUN QUEUE", "BLOCKED"))


def write_requests(page: Page, requests: tuple[RequestTotal, ...], top: int) -> None:
    """All calls, by the time that they took in all, or that they are known to have waited."""
    page.title("API calls")
    if not requests:
        page.line("  No API call was served.")
        return
    ordered = sorted(requests, key=lambda total: -(total.throttled_ns + _known_ns(total)))
    scheduled = any(total.cpu_ns is not None for total in ordered)
    columns = (*_COLUMNS, *(_SCHEDULED if scheduled else _PLAIN))
    page.table(columns, (_row(total, scheduled) for total in ordered[:top]))
    _say_left_out(page, len(ordered) - top)
    sentences = [sentence for total in ordered[:DETAILED] for sentence in _sentences(total)]
    for sentence in sentences:
        page.paragraph(sentence)


def _say_left_out(page: Page, calls: int) -> None:
    if calls > 0:
        page.line((f"  ... and {calls} more", "dim"))


def _row(total: RequestTotal, scheduled: bool) -> list[str]:
    rest = [total.cpu_ns, total.runqueue_ns, total.blocked_ns] if scheduled else [total.other_ns]
    times = (total.p50_ns, total.p90_ns, total.max_ns, total.total_ns)
    parts = (total.throttled_ns, total.queued_ns, total.lock_wait_ns, total.cond_wait_ns)
    return [
        printable(total.api),
        *([count(total.calls), count(total.errors)] if total.calls else ["-", "-"]),
        *(duration(time) if total.calls else "-" for time in times),
        *(duration(time) if time else "-" for time in (*parts, *rest)),
    ]


def _sentences(total: RequestTotal) -> list[str]:
    """`virDomainDestroy waited 1.5 s for virSecurityManager, held by virDomainCreate.`"""
    held = sorted(total.held_up_by, key=lambda holder: -holder.wait_ns)[:HOLDERS]
    if held:
        return [_held_up(total.api, holder) for holder in held if _worth_telling(holder.wait_ns, total)]
    locks = sorted(total.locks, key=lambda lock: -lock.wait_ns)[:HOLDERS]
    return [
        f"{printable(total.api)} waited {duration(lock.wait_ns)} for {printable(lock.lock)}."
        for lock in locks
        if _worth_telling(lock.wait_ns, total)
    ]


def _worth_telling(wait_ns: int, total: RequestTotal) -> bool:
    return wait_ns >= TOLD_PART * _known_ns(total) > 0


def _known_ns(total: RequestTotal) -> int:
    """What its calls took; where only their waits are seen, what these did."""
    return total.total_ns if total.calls else total.lock_wait_ns + total.cond_wait_ns


def _held_up(api: str, holder: HeldUpBy) -> str:
    return (
        f"{printable(api)} waited {duration(holder.wait_ns)} for {printable(holder.lock)}, "
        f"held by {printable(holder.api)}."
    )
