"""The rows of a finished report: totals, sums, what still waits, requests and health."""

from dataclasses import fields

from tracer.model.report import Health, Report, TraceInfo
from tracer.model.requests import RequestTotal
from tracer.model.waits import Blocked, LockTotal
from tracer.recording.interning import KIND_IDS, RELEASE_IDS, Interner
from tracer.recording.pending import Pending
from tracer.recording.schema import storable

HEALTH_COUNTS = tuple(field.name for field in fields(Health) if field.type is int)
# In the order of the columns of request_total, which follow the API's name.
REQUEST_NUMBERS = tuple(
    field.name for field in fields(RequestTotal) if field.name not in ("api", "locks", "held_up_by")
)


def queue_report(pending: Pending, ids: Interner, report: Report, started_ns: int) -> None:
    """Queues the aggregates of a report that was folded without filters."""
    _queue_info(pending, report.info)
    _queue_health(pending, report.health)
    for position, total in enumerate(report.locks):
        _queue_lock_total(pending, ids, total, position)
    _queue_sums(pending, ids, report)
    for blocked in report.waiting:
        _queue_blocked(pending, ids, blocked, started_ns)
    if report.requests is not None:
        pending.insert("request_source", (1,))
        for position, request in enumerate(report.requests, 1):
            _queue_request(pending, request, position)


def _queue_info(pending: Pending, info: TraceInfo) -> None:
    pending.update("UPDATE trace SET end_reason = ?, hook = ?", (storable(info.end_reason), info.hook))
    if info.mutex_probe is not None:
        probe = info.mutex_probe
        pending.update(
            "UPDATE trace SET probe_state = ?, probe_hits = ?, probe_cost_ns_per_hit = ?, probe_on_ns = ?,"
            " probe_reason = ?",
            (probe.state, probe.hits, probe.cost_ns_per_hit, probe.on_ns, storable(probe.reason)),
        )


def _queue_health(pending: Pending, health: Health) -> None:
    for name in HEALTH_COUNTS:
        pending.insert("health", (name, getattr(health, name)))
    for reason, stacks in health.incomplete.items():
        pending.insert("incomplete", (reason, stacks))
    for note in health.notes:
        pending.insert("note", (None, storable(note)))


def _queue_lock_total(pending: Pending, ids: Interner, total: LockTotal, position: int) -> None:
    lock = ids.lock(total.lock)
    row = (
        *(total.waits, total.wait_ns, total.max_wait_ns, total.sleeps, total.timeouts, total.interrupted),
        *(total.long_waits, total.long_wait_ns, total.unfinished, total.unfinished_ns, total.eagain),
        *(total.acquisitions, int(total.acquisitions_estimated), int(total.acquisitions_saturated)),
    )
    pending.insert("lock_total", (position, lock, *row))
    for log2_ns, waits in enumerate(total.histogram):
        # The last slot is kept also when it is empty: it tells how many there are.
        if waits or log2_ns == len(total.histogram) - 1:
            pending.insert("lock_histogram", (lock, log2_ns, waits))
    for owner in total.owners:
        counts = owner.waits, owner.wait_ns, owner.confirmed
        pending.insert("lock_owner", (None, lock, owner.tid, storable(owner.thread), *counts))


def _queue_sums(pending: Pending, ids: Interner, report: Report) -> None:
    for wait in report.waits:
        where = ids.lock(wait.lock), KIND_IDS[wait.kind], ids.stack(wait.stack)
        whose = ids.waiter(wait.thread), ids.request(wait.request)
        pending.insert("wait_sum", (None, *where, *whose, wait.waits, wait.wait_ns, wait.max_wait_ns))
    for release in report.release_sites:
        what = ids.lock(release.lock), RELEASE_IDS[release.what]
        stack = None if release.stack is None else ids.stack(release.stack)
        thread = None if release.thread is None else ids.waiter(release.thread)
        by = stack, thread, ids.request(release.request)
        pending.insert("release_sum", (None, *what, *by, release.releases, release.blame_ns))


def _queue_blocked(pending: Pending, ids: Interner, blocked: Blocked, started_ns: int) -> None:
    owner = blocked.owner
    pending.insert(
        "blocked",
        (
            None,
            ids.waiter(blocked.thread),
            ids.lock(blocked.lock),
            KIND_IDS[blocked.kind],
            blocked.started_ns - started_ns,
            blocked.waited_ns,
            int(blocked.before_attach),
            ids.owner(blocked.thread.pid, owner),
            int(owner is not None and owner.confirmed),
            ids.stack(blocked.stack),
            ids.request(blocked.request),
        ),
    )


def _queue_request(pending: Pending, request: RequestTotal, position: int) -> None:
    numbers = (getattr(request, name) for name in REQUEST_NUMBERS)
    pending.insert("request_total", (position, storable(request.api), *numbers))
    for lock in request.locks:
        names = storable(lock.lock), storable(lock.identity)
        pending.insert("request_lock", (None, position, *names, lock.wait_ns, lock.calls))
    for holder in request.held_up_by:
        names = storable(holder.api), storable(holder.lock)
        pending.insert("request_held_up_by", (None, position, *names, holder.wait_ns))
