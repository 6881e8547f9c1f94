"""Calls summed by API, and how many of them had long waits."""

from tracer.kernel.records import CallEvent, WaitEvent
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


def test_calls_of_two_requests_by_one_name_are_one_api() -> None:
    calls = Calls(lambda _pid, _request: "both")
    calls.add(call(CREATE, 100, 150, 400))
    calls.add(call(QUERY, 100, 110, 300, failed=1))
    (both,) = calls.sums({})
    assert (both.calls, both.errors, both.total_ns, both.queued_ns, both.max_ns) == (2, 1, 500, 60, 300)


def wait(dispatched: int, request: int = CREATE, tid: int = TID) -> WaitEvent:
    event: WaitEvent = WaitEvent._make([0] * len(WaitEvent._fields))
    return event._replace(pid=PID, tid=tid, request=request, call=dispatched)


def add_wait(calls: Calls, event: WaitEvent, base: int = LOCK) -> None:
    calls.waiting_like(event, base).add(event.call)


def test_two_waits_of_one_call_count_once() -> None:
    calls = Calls(name)
    add_wait(calls, wait(150))
    add_wait(calls, wait(150), LOCK + 64)
    add_wait(calls, wait(150))
    assert calls.waiting(()) == {("create", (PID, LOCK)): 1, ("create", (PID, LOCK + 64)): 1}


def test_waits_of_two_calls_count_for_each() -> None:
    calls = Calls(name)
    add_wait(calls, wait(150))
    add_wait(calls, wait(420, QUERY))
    add_wait(calls, wait(500))
    add_wait(calls, wait(500, tid=OTHER_TID))
    assert calls.waiting(()) == {("create", (PID, LOCK)): 3, ("query", (PID, LOCK)): 1}


def test_wait_of_a_call_from_before_the_trace_counts_for_none() -> None:
    calls = Calls(name)
    add_wait(calls, wait(0))
    assert calls.waiting(()) == {("create", (PID, LOCK)): 0}


def test_call_that_has_not_ended_is_left_out() -> None:
    calls = Calls(name)
    add_wait(calls, wait(150))
    add_wait(calls, wait(500))
    add_wait(calls, wait(500, tid=OTHER_TID))
    assert calls.waiting({(TID, 500)}) == {("create", (PID, LOCK)): 2}
