"""The report as JSON, schema `lockwatch.report/1`: integers in the unit that their name ends with."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, TextIO

from tracer.model.locks import Lock
from tracer.model.report import CallSite, Health, Report, ThreadTotal, TraceInfo
from tracer.model.requests import RequestTotal
from tracer.model.stacks import Stack
from tracer.model.waits import Blocked, LockTotal, ReleaseSum
from tracer.output.names import without_surrogates
from tracer.output.releases import merged

SCHEMA = "lockwatch.report/1"
UNDECODABLE = "\\udc"  # how a byte that is no UTF-8 is escaped, alone, where no JSON reader has to accept it

Object = dict[str, Any]


def write(report: Report, out: TextIO) -> None:
    """Keys in the order of the contract; each lock, call site and other row on a line of its own."""
    out.write("{")
    for index, (key, value) in enumerate(_members(report).items()):
        out.write(f"{',' if index else ''}\n{json.dumps(key)}: ")
        if isinstance(value, map):
            _write_rows(value, out)
        else:
            out.write(_text(value))
    out.write("\n}\n")


def request_objects(report: Report) -> list[Object] | None:
    """The member `requests` as plain dicts."""
    rows = _requests(report)
    return None if rows is None else [_clean(row) for row in rows]


def _members(report: Report) -> Object:
    """Rows come one after the other: all of them at once as dicts would be many times the report."""
    return {
        **_trace(report.info),
        "locks": map(_lock_total, report.locks),
        "call_sites": map(_call_site, report.call_sites),
        "release_sites": map(_release_site, merged(report.release_sites, _release_key)),
        "threads": map(_thread, report.threads),
        "waiting": map(_blocked, report.waiting),
        "requests": _requests(report),
        "verdict": list(report.verdict),
        "health": _health(report.health),
    }


def _requests(report: Report) -> Iterable[Object] | None:
    return None if report.requests is None else map(_request, report.requests)


def _write_rows(rows: Iterable[Object], out: TextIO) -> None:
    first = True
    out.write("[")
    for row in rows:
        out.write(("\n " if first else ",\n ") + _text(row))
        first = False
    out.write("]")


def _text(value: Any) -> str:
    text = json.dumps(value)
    return json.dumps(_clean(value)) if UNDECODABLE in text else text


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, dict):
        return {without_surrogates(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value


def _trace(info: TraceInfo) -> Object:
    return {
        "schema": SCHEMA,
        "version": info.version,
        "targets": [asdict(target) for target in info.targets],
        "started": info.started,
        "duration_ns": info.duration_ns,
        "threshold_ns": info.threshold_ns,
        "hook": info.hook,
        "mutex_probe": None if info.mutex_probe is None else asdict(info.mutex_probe),
    }


def _address(lock: Lock) -> str:
    return f"{lock.address:#x}"


def _lock_total(total: LockTotal) -> Object:
    lock = total.lock
    return {
        "pid": lock.pid,
        "address": _address(lock),
        "identity": lock.identity,
        "name": lock.name,
        "class": lock.class_name,
        "kind": str(lock.kind),
        "contention": lock.kind.contention,
        "waits": total.waits,
        "wait_ns": total.wait_ns,
        "max_wait_ns": total.max_wait_ns,
        "sleeps": total.sleeps,
        "timeouts": total.timeouts,
        "interrupted": total.interrupted,
        "long_waits": total.long_waits,
        "long_wait_ns": total.long_wait_ns,
        "unfinished": total.unfinished,
        "unfinished_ns": total.unfinished_ns,
        "acquisitions": total.acquisitions,
        "acquisitions_estimated": total.acquisitions_estimated,
        "acquisitions_saturated": total.acquisitions_saturated,
        "eagain": total.eagain,
        "histogram_log2_ns": list(total.histogram),
        "owners": [
            {"tid": owner.tid, "thread": owner.thread, "waits": owner.waits, "confirmed": owner.confirmed}
            for owner in total.owners
        ],
    }


def _frames(stack: Stack | None) -> list[Object]:
    if stack is None:
        return []
    return [
        {
            "function": frame.function,
            "module": frame.module,
            "offset": frame.offset,
            "address": f"{frame.address:#x}",
            "file": frame.file,
            "line": frame.line,
        }
        for frame in stack.frames
    ]


def _call_site(site: CallSite) -> Object:
    return {
        "pid": site.lock.pid,
        "lock": _address(site.lock),
        "kind": str(site.kind),
        "waits": site.waits,
        "wait_ns": site.wait_ns,
        "max_wait_ns": site.max_wait_ns,
        "complete": site.stack.complete,
        "frames": _frames(site.stack),
    }


def _release_key(site: ReleaseSum) -> object:
    """What the rows are told apart by: not by the words of one lock, nor by a thread's number."""
    return site.lock, site.what, site.thread and site.thread.name, site.stack


def _release_site(site: ReleaseSum) -> Object:
    return {
        "pid": site.lock.pid,
        "lock": _address(site.lock),
        "what": str(site.what),
        "blame_ns": site.blame_ns,
        "releases": site.releases,
        "thread": None if site.thread is None else site.thread.name,
        "frames": _frames(site.stack),
    }


def _thread(total: ThreadTotal) -> Object:
    return {
        "pid": total.thread.pid,
        "tid": total.thread.tid,
        "name": total.thread.name,
        "waits": total.waits,
        "wait_ns": total.wait_ns,
    }


def _blocked(blocked: Blocked) -> Object:
    owner = blocked.owner
    return {
        "pid": blocked.thread.pid,
        "tid": blocked.thread.tid,
        "thread": blocked.thread.name,
        "lock": _address(blocked.lock),
        "waited_ns": blocked.waited_ns,
        "before_attach": blocked.before_attach,
        "owner": None if owner is None else {"tid": owner.tid, "thread": owner.thread},
        "frames": _frames(blocked.stack),
    }


def _request(total: RequestTotal) -> Object:
    request = {
        "api": total.api,
        "calls": total.calls,
        "errors": total.errors,
        "latency_ns": {
            "p50": total.p50_ns,
            "p90": total.p90_ns,
            "max": total.max_ns,
            "total": total.total_ns,
        },
        "queued_ns": total.queued_ns,
        "throttled_ns": total.throttled_ns,
        "lock_wait_ns": total.lock_wait_ns,
        "cond_wait_ns": total.cond_wait_ns,
        "other_ns": total.other_ns,
        "locks": [asdict(lock) for lock in total.locks],
        "held_up_by": [asdict(holder) for holder in total.held_up_by],
    }
    if total.cpu_ns is not None:
        request.update(cpu_ns=total.cpu_ns, runqueue_ns=total.runqueue_ns, blocked_ns=total.blocked_ns)
    return request


def _health(health: Health) -> Object:
    return {
        "waits_lost": health.waits_lost,
        "stacks_lost": health.stacks_lost,
        "events_lost": health.events_lost,
        "calls_lost": health.calls_lost,
        "runs_skipped": health.runs_skipped,
        "stacks": health.stacks,
        "stacks_complete": health.stacks_complete,
        "incomplete": dict(health.incomplete),
        "frames": health.frames,
        "frames_unnamed": health.frames_unnamed,
        "bpf_ns": health.bpf_ns,
        "bpf_runs": health.bpf_runs,
        "frontend_cpu_ns": health.frontend_cpu_ns,
        "frontend_rss_bytes": health.frontend_rss_bytes,
        "attach_ns": health.attach_ns,
        "notes": list(health.notes),
    }
