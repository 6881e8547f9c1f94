"""One line of CSV a wait, in the order of their starts."""

import csv
import io
from typing import BinaryIO

from tracer.export.source import Source, frame_names
from tracer.model.waits import Wait
from tracer.output.names import printable

COLUMNS = (
    *("start_ns", "wait_ns", "pid", "tid", "thread", "lock", "identity", "class", "address", "kind"),
    *("outcome", "sleeps", "owner_tid", "owner", "owner_confirmed", "request", "owner_request", "stack"),
)


def write(source: Source, out: BinaryIO) -> None:
    """`start_ns` counts from the trace's start; `stack` is outermost first, with `;` between the frames."""
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    lines = csv.writer(text)
    lines.writerow(COLUMNS)
    lines.writerows(_row(wait, source.started_ns) for wait in source.waits())
    text.detach()


def _row(wait: Wait, zero: int) -> tuple[str | int, ...]:
    thread, lock, owner = wait.thread, wait.lock, wait.owner
    return (
        wait.started_ns - zero,
        wait.wait_ns,
        thread.pid,
        thread.tid,
        printable(thread.name),
        printable(lock.name),
        printable(lock.identity),
        printable(lock.class_name or ""),
        f"{lock.address:#x}",
        str(wait.kind),
        str(wait.outcome),
        wait.sleeps,
        owner.tid if owner else "",
        printable(owner.thread) if owner else "",
        int(owner.confirmed) if owner else "",
        printable(wait.request or ""),
        printable(wait.owner_request or ""),
        ";".join(name.replace(";", ":") for name in reversed(frame_names(wait.stack))),
    )
