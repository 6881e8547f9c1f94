"""What had not ended when the trace did."""

from tracer.model.report import Report
from tracer.model.waits import Blocked
from tracer.output.deadlocks import deadlock_sentence
from tracer.output.durations import duration
from tracer.output.names import owner_label, printable, thread_label
from tracer.output.page import Page
from tracer.output.stacks import chain


def write_waiting(page: Page, report: Report, top: int) -> None:
    """Deadlocks, then the threads that still wait for a lock, longest first; idle ones are only counted."""
    for sentence in map(deadlock_sentence, report.deadlocks):
        if sentence not in report.verdict:
            page.line()
            page.paragraph(sentence, "bold", indent="")
    contended = [blocked for blocked in report.waiting if blocked.kind.contention]
    idle = len(report.waiting) - len(contended)
    if contended:
        page.title("Still waiting at the end")
    for blocked in sorted(contended, key=lambda blocked: -blocked.waited_ns)[:top]:
        page.paragraph(_words(blocked), "bold")
        page.line("      at " + chain(blocked.stack))
    if len(contended) > top:
        page.line((f"  ... and {len(contended) - top:,} more", "dim"))
    if idle:
        page.line()
        threads = "1 thread was" if idle == 1 else f"{idle:,} threads were"
        words = f"{threads} idle at the end (waiting for a cond, barrier, join or other word)."
        page.paragraph(words, "dim", indent="")


def _words(blocked: Blocked) -> str:
    since = " (since before the attach)" if blocked.before_attach else ""
    holder = f", held by {owner_label(blocked.owner)}" if blocked.owner else ""
    serving = f" for {printable(blocked.request)}" if blocked.request else ""
    return (
        f"{thread_label(blocked.thread)} has waited {duration(blocked.waited_ns)}{since}{serving} "
        f"for {blocked.kind} {printable(blocked.lock.name)}{holder}"
    )
