"""Calls summed by API, and the long waits that fall into them, told in any order."""

from tracer.kernel.records import CallEvent
from tracer.requests.calls import Calls

PID, TID, OTHER_TID = 10, 11, 12
CREATE, QUERY = 1, 2
LOCK = 0xABC


def name(_pid: int, request: int) -> str:
    return {CREATE: "create", QUERY: "query"}[request]


def call(
    request: int, received: int, dispatched: int, replied: int, tid: int = TID, failed: int = 0
) -> CallEvent:
    return CallEvent(5, PID, tid, failed, request, received, dispatched, replied, 1, 28, 7, 3)


def test_calls_are_summed_by_api() -> None:
    calls = Calls(name)
    calls.add(call(CREATE, 100, 150, 400))
    calls.add(call(CREATE, 500, 510, 600, failed=1))
    calls.add(call(QUERY, 100, 100, 101))
    create, query = calls.sums({"create": 77})
    assert (create.api, create.calls, create.errors, create.total_ns) == ("create", 2, 1, 400)
    assert (create.queued_ns, create.max_ns, create.throttled_ns) == (60, 300, 77)
    assert (create.off_cpu_ns, create.run_queue_ns) == (14, 6)
    assert (query.api, query.calls, query.throttled_ns) == ("query", 1, 0)


def test_call_from_before_the_trace_is_left_out() -> None:
    calls = Calls(name)
    calls.add(call(CREATE, 0, 150, 400))
    assert calls.sums({}) == []


def test_two_waits_of_one_call_count_once() -> None:
    calls = Calls(name)
    calls.add_wait(PID, TID, 160, LOCK)
    calls.add_wait(PID, TID, 200, LOCK)
    calls.add_wait(PID, TID, 210, LOCK + 64)
    calls.add(call(CREATE, 100, 150, 400))
    assert calls.waiting("create", (PID, LOCK)) == 1
    assert calls.waiting("create", (PID, LOCK + 64)) == 1


def test_wait_that_is_told_after_its_call_counts() -> None:
    calls = Calls(name)
    calls.add(call(CREATE, 100, 150, 400))
    calls.add(call(QUERY, 410, 420, 430))
    calls.add_wait(PID, TID, 390, LOCK)
    assert calls.waiting("create", (PID, LOCK)) == 1
    assert calls.waiting("query", (PID, LOCK)) == 0


def test_wait_outside_of_calls_and_of_other_threads_counts_for_none() -> None:
    calls = Calls(name)
    calls.add_wait(PID, OTHER_TID, 200, LOCK)
    calls.add_wait(PID, TID, 140, LOCK)
    calls.add(call(CREATE, 100, 150, 400))
    assert calls.waiting("create", (PID, LOCK)) == 0


def test_wait_of_the_following_call_is_kept_for_it() -> None:
    calls = Calls(name)
    calls.add_wait(PID, TID, 200, LOCK)
    calls.add_wait(PID, TID, 500, LOCK)
    calls.add(call(CREATE, 100, 150, 400))
    calls.add(call(CREATE, 410, 420, 600))
    assert calls.waiting("create", (PID, LOCK)) == 2
