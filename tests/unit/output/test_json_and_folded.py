"""What programs read: the JSON contract and folded dumps."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TextIO

from output_models import EMPTY, FIND, LABEL, MANAGER, MS, POOL, REPORT

from tracer.model.kinds import ReleaseKind
from tracer.model.locks import Thread
from tracer.model.report import ProbeState, Report
from tracer.model.waits import ReleaseSum
from tracer.output import folded, json_report

TOP_KEYS = [
    *(
        "schema",
        "version",
        "targets",
        "started",
        "duration_ns",
        "threshold_ns",
        "hook",
        "mutex_probe",
        "locks",
    ),
    *("call_sites", "release_sites", "threads", "waiting", "requests", "verdict", "health"),
]
LOCK_KEYS = [
    *("pid", "address", "identity", "name", "class", "kind", "contention", "waits", "wait_ns", "max_wait_ns"),
    *("sleeps", "timeouts", "interrupted", "long_waits", "long_wait_ns", "unfinished", "unfinished_ns"),
    *("acquisitions", "acquisitions_estimated", "acquisitions_saturated", "eagain", "histogram_log2_ns"),
    "owners",
]
HEALTH_KEYS = [
    *("waits_lost", "stacks_lost", "events_lost", "calls_lost", "runs_skipped", "stacks", "stacks_complete"),
    *("incomplete", "frames", "frames_unnamed", "bpf_ns", "bpf_runs"),
    *("frontend_cpu_ns", "frontend_rss_bytes", "attach_ns", "notes"),
]
REQUEST_KEYS = [
    *("api", "calls", "errors", "latency_ns", "queued_ns", "throttled_ns", "lock_wait_ns", "cond_wait_ns"),
    *("other_ns", "locks", "held_up_by"),
]


def written(report: Report) -> Any:
    out = io.StringIO()
    json_report.write(report, out)
    return json.loads(out.getvalue())


def test_json_has_the_keys_of_the_contract() -> None:
    whole = written(REPORT)
    assert list(whole) == TOP_KEYS
    assert whole["schema"] == "lockwatch.report/1"
    assert whole["targets"] == [{"pid": 7, "comm": "daemon", "exe": "/usr/sbin/daemon"}]
    assert list(whole["locks"][0]) == LOCK_KEYS
    assert list(whole["health"]) == HEALTH_KEYS
    assert list(whole["requests"][0]) == REQUEST_KEYS
    assert whole["requests"][0]["latency_ns"] == {
        "p50": 10**9,
        "p90": 2 * 10**9,
        "max": 3 * 10**9,
        "total": 10**11,
    }
    assert whole["mutex_probe"] is None


def test_json_of_sites_threads_and_what_still_waits() -> None:
    whole = written(REPORT)
    site = whole["call_sites"][0]
    assert (site["lock"], site["kind"], site["waits"], site["complete"]) == (
        "0x7f31c0012a98",
        "mutex",
        150,
        True,
    )
    assert site["frames"][1] == {
        "function": "genLabel",
        "module": "/usr/lib/libdaemon.so.0",
        "offset": 0x20,
        "address": "0x7f20",
        "file": "src/daemon.c",
        "line": 12,
    }
    assert not whole["call_sites"][1]["complete"]
    release, short = whole["release_sites"]
    assert (release["what"], release["thread"], len(release["frames"])) == ("release", "worker", 3)
    assert (short["what"], short["thread"], short["frames"]) == ("short releases", None, [])
    assert whole["threads"][0] == {"pid": 7, "tid": 71, "name": "worker", "waits": 100, "wait_ns": 5 * 10**9}
    waiting = whole["waiting"][0]
    assert waiting["before_attach"] is True
    assert waiting["owner"]["tid"] == 72


def test_json_has_one_row_for_what_its_words_threads_and_requests_alone_tell_apart() -> None:
    one, other = (Thread(7, tid, "worker") for tid in (71, 79))
    rows = (
        ReleaseSum(MANAGER, ReleaseKind.RELEASE, FIND, one, None, 1, 4 * MS),
        ReleaseSum(MANAGER, ReleaseKind.RELEASE, LABEL, one, "Create", 2, 3 * MS),
        ReleaseSum(MANAGER, ReleaseKind.RELEASE, LABEL, other, "Destroy", 3, 2 * MS),
        ReleaseSum(POOL, ReleaseKind.RELEASE, LABEL, one, "Create", 1, MS),
    )
    found = written(replace(REPORT, release_sites=rows))["release_sites"]
    assert [(row["releases"], row["blame_ns"], row["thread"]) for row in found] == [
        (5, 5 * MS, "worker"),
        (1, 4 * MS, "worker"),
        (1, MS, "worker"),
    ]


def test_json_of_an_empty_report() -> None:
    whole = written(EMPTY)
    assert whole["requests"] is None
    assert [whole[key] for key in ("locks", "call_sites", "release_sites", "threads", "waiting")] == [[]] * 5


def test_json_with_a_probe_and_scheduler_data() -> None:
    assert REPORT.requests is not None
    split = replace(REPORT.requests[0], cpu_ns=1, runqueue_ns=2, blocked_ns=3)
    probe = ProbeState("sampled", 10, 400, 5, "over the budget")
    whole = written(replace(REPORT, info=replace(REPORT.info, mutex_probe=probe), requests=(split,)))
    assert whole["mutex_probe"] == {
        "state": "sampled",
        "hits": 10,
        "cost_ns_per_hit": 400,
        "on_ns": 5,
        "reason": "over the budget",
    }
    assert [whole["requests"][0][key] for key in ("cpu_ns", "runqueue_ns", "blocked_ns")] == [1, 2, 3]


def test_json_of_undecodable_names_is_utf8() -> None:
    lock = replace(REPORT.locks[0].lock, name="pool \udcff")
    out = io.StringIO()
    json_report.write(replace(REPORT, locks=(replace(REPORT.locks[0], lock=lock),)), out)
    assert json.loads(out.getvalue().encode())["locks"][0]["name"] == "pool ?"


def lines(write: Callable[[Report, TextIO], None], report: Report = REPORT) -> list[tuple[list[str], int]]:
    out = io.StringIO()
    write(report, out)
    stacks = (line.rsplit(" ", 1) for line in out.getvalue().splitlines())
    return [(frames.split(";"), int(number)) for frames, number in stacks]


def test_folded_is_outermost_first_and_ends_in_the_lock() -> None:
    incomplete, manager = sorted(lines(folded.write), key=lambda line: line[1])
    assert manager == (
        ["daemon", "create", "launch", "genLabel", "__lll_lock_wait", "lock SecurityManager"],
        8_000_000,
    )
    assert incomplete[0][:3] == ["daemon", "[incomplete: no unwind row]", "main"]
    assert incomplete[0][-1] == 'lock vm\\x1b[31m:<b>[bold red]\\x0a"'


def test_folded_threads_have_a_frame_of_their_own() -> None:
    found = lines(folded.write_threads)
    assert {frames[1] for frames, _ in found} == {"worker", 'vm\\x1b[31m:<b>[bold red]\\x0a"'}
    assert sum(number for _, number in found) == 8_015_000


def test_folded_holders_are_weighted_with_blame() -> None:
    assert lines(folded.write_holders) == [
        (["daemon", "[short releases]", "lock SecurityManager"], 1_000_000),
        (["daemon", "command", "unlock", "__lll_lock_wait", "lock SecurityManager"], 8_000_000),
    ]


def test_folded_numbers_add_up_whatever_they_round_to() -> None:
    site = REPORT.call_sites[0]
    sites = tuple(
        replace(site, lock=replace(site.lock, name=f"lock{number}"), wait_ns=1_700) for number in range(100)
    )
    assert sum(number for _, number in lines(folded.write, replace(REPORT, call_sites=sites))) == 170


def test_folded_sums_equal_stacks() -> None:
    twice = replace(REPORT, call_sites=(REPORT.call_sites[0],) * 2)
    assert [number for _, number in lines(folded.write, twice)] == [16_000_000]


def test_notes_of_what_could_not_be_seen_are_in_the_json() -> None:
    health = replace(REPORT.health, notes=("some sockets cannot be seen",))
    assert written(replace(REPORT, health=health))["health"]["notes"] == ["some sockets cannot be seen"]
