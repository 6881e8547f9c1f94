"""What the page's scripts read: a recording as columns, with numbers in place of everything that repeats."""

from array import array
from collections.abc import Iterable
from typing import Any

from tracer.html.objects import Numbers
from tracer.html.texts import health_lines
from tracer.model.kinds import Kind, Outcome, ReleaseKind
from tracer.model.report import Report
from tracer.output.json_report import request_objects
from tracer.recording import Recording

# A page with more waits would open too slowly; the longest ones stay.
MOST_WAITS = 250_000

Columns = dict[str, list[Any]]


def page_data(recording: Recording, report: Report) -> dict[str, Any]:
    """`report`: the fold of the whole recording, unfiltered, with its verdict."""
    numbers = Numbers(recording)
    info = report.info
    waits, left_out = _waits(recording, numbers)
    _add_blocked(waits, report, recording.started_ns, numbers)
    return {
        "targets": [{"pid": target.pid, "comm": target.comm} for target in info.targets],
        "started": info.started,
        "duration_ns": info.duration_ns,
        "threshold_ns": info.threshold_ns,
        "version": info.version,
        "end_reason": info.end_reason,
        "verdict": list(report.verdict),
        "health": health_lines(report),
        "lost": report.health.lost,
        "left_out": left_out,
        "kinds": [
            {"name": str(kind), "of_lock": str(kind.of_lock), "contention": kind.contention} for kind in Kind
        ],
        "outcomes": [str(outcome) for outcome in Outcome],
        "release_kinds": [str(what) for what in ReleaseKind],
        **numbers.tables(),
        "waits": waits,
        "releases": _releases(recording, numbers),
        "rest": _rest(report, numbers),
        "totals": _totals(report, numbers),
        "request_totals": request_objects(report),
    }


def _waits(recording: Recording, numbers: Numbers) -> tuple[Columns, dict[str, int]]:
    """The recorded waits, by their start; and how many shorter ones have no room, with their time."""
    names = (
        *("start", "wait", "thread", "lock", "kind", "outcome", "sleeps", "stack", "owner", "confirmed"),
        *("request", "owner_request"),
    )
    shortest, left_out = _shortest(row[1] for row in recording.wait_rows())
    convert = numbers.converters()
    rows = (
        tuple(turn[value] if turn is not None else value for turn, value in zip(convert, row, strict=True))
        for row in recording.wait_rows()
        if row[1] >= shortest
    )
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in names]
    return dict(zip(names, columns, strict=True)), left_out


def _shortest(lengths: Iterable[int]) -> tuple[int, dict[str, int]]:
    """The length that a wait must have so that about MOST_WAITS remain."""
    ordered = sorted(array("q", lengths), reverse=True)
    if len(ordered) <= MOST_WAITS:
        return 0, {"waits": 0, "wait_ns": 0}
    shortest = ordered[MOST_WAITS - 1]
    gone = [length for length in ordered[MOST_WAITS:] if length < shortest]
    return shortest, {"waits": len(gone), "wait_ns": sum(gone)}


def _add_blocked(waits: Columns, report: Report, zero: int, numbers: Numbers) -> None:
    """Waits that have not ended lie behind the others."""
    for blocked in report.waiting:
        row = {
            "start": blocked.started_ns - zero,
            "wait": blocked.waited_ns,
            "thread": numbers.thread(blocked.thread),
            "lock": numbers.lock(blocked.lock),
            "kind": numbers.kind(blocked.kind),
            "outcome": numbers.outcome(Outcome.UNFINISHED),
            "sleeps": 1,
            "stack": numbers.stack(blocked.stack),
            "owner": numbers.owner(blocked.thread.pid, blocked.owner),
            "confirmed": 0,
            "request": numbers.request(blocked.request),
            "owner_request": -1,
        }
        for name, value in row.items():
            waits[name].append(value)


def _releases(recording: Recording, numbers: Numbers) -> Columns:
    columns: Columns = {name: [] for name in ("time", "blame", "thread", "lock", "what", "stack", "request")}
    for release in recording.releases():
        columns["time"].append(release.time_ns - recording.started_ns)
        columns["blame"].append(release.blame_ns)
        columns["thread"].append(numbers.thread(release.thread))
        columns["lock"].append(numbers.lock(release.lock))
        columns["what"].append(numbers.release_kind(release.what))
        columns["stack"].append(numbers.stack(release.stack))
        columns["request"].append(numbers.request(release.request))
    return columns


def _rest(report: Report, numbers: Numbers) -> Columns:
    """Blame that no single stack stands for: it has no moment and no thread."""
    rows = [site for site in report.release_sites if site.stack is None]
    return {
        "lock": [numbers.lock(site.lock) for site in rows],
        "what": [numbers.release_kind(site.what) for site in rows],
        "blame": [site.blame_ns for site in rows],
    }


def _totals(report: Report, numbers: Numbers) -> Columns:
    totals = report.locks
    return {
        "lock": [numbers.lock(total.lock) for total in totals],
        "waits": [total.waits for total in totals],
        "wait": [total.wait_ns for total in totals],
        "max": [total.max_wait_ns for total in totals],
        "long": [total.long_waits for total in totals],
        "long_wait": [total.long_wait_ns for total in totals],
        "unfinished": [total.unfinished for total in totals],
        "acquisitions": [total.acquisitions for total in totals],
        "estimated": [total.acquisitions_estimated for total in totals],
        "saturated": [total.acquisitions_saturated for total in totals],
        "histogram": [list(total.histogram) for total in totals],
    }
