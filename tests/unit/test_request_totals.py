"""The fold of calls and their waits: parts add up to the whole."""

from tracer.model.kinds import Kind
from tracer.model.locks import Lock
from tracer.model.requests import CallSum, HeldUpBy, RequestLock, RequestOwner, RequestWait
from tracer.requests.totals import totals

MUTEX = Lock(1, 0x10, Kind.MUTEX, "virSecurityManager at 0x10", "virSecurityManager")
TWIN = Lock(1, 0x20, Kind.MUTEX, "virSecurityManager at 0x20", "virSecurityManager")
COND = Lock(1, 0x30, Kind.COND, "a condition", "condition")


def calls(api: str, total: int, queued: int, off_cpu: int = 0, run_queue: int = 0) -> CallSum:
    return CallSum(api, 4, 1, 10, 20, 30, total, queued, 5, off_cpu, run_queue)


def test_parts_add_up() -> None:
    waits = [
        RequestWait("create", MUTEX, True, 300, 2),
        RequestWait("create", TWIN, True, 100, 1),
        RequestWait("create", COND, False, 200, 0),
    ]
    (total,) = totals([calls("create", 1000, 50)], waits, [], scheduled=False)
    assert (total.lock_wait_ns, total.cond_wait_ns, total.other_ns) == (400, 200, 350)
    parts = total.queued_ns + total.lock_wait_ns + total.cond_wait_ns + total.other_ns
    assert parts == total.total_ns == 1000
    assert total.cpu_ns is None
    assert (total.calls, total.errors, total.throttled_ns) == (4, 1, 5)


def test_locks_of_one_identity_are_one_row_and_conditions_none() -> None:
    waits = [
        RequestWait("create", MUTEX, True, 100, 2),
        RequestWait("create", TWIN, True, 300, 1),
        RequestWait("create", COND, False, 200, 3),
    ]
    (total,) = totals([calls("create", 1000, 50)], waits, [], scheduled=False)
    assert total.locks == (RequestLock(MUTEX.name, "virSecurityManager", 400, 3),)


def test_scheduler_data_split_the_rest() -> None:
    waits = [RequestWait("create", MUTEX, True, 300, 2)]
    (total,) = totals([calls("create", 1000, 100, off_cpu=400, run_queue=150)], waits, [], scheduled=True)
    assert (total.cpu_ns, total.runqueue_ns, total.blocked_ns) == (200, 150, 250)
    assert total.other_ns == 600


def test_scheduler_data_never_exceed_the_rest() -> None:
    (total,) = totals([calls("create", 100, 0, off_cpu=400, run_queue=350)], [], [], scheduled=True)
    assert (total.cpu_ns, total.runqueue_ns, total.blocked_ns) == (0, 100, 0)


def test_waits_of_unended_calls_do_not_make_the_rest_negative() -> None:
    waits = [RequestWait("create", MUTEX, True, 300, 2), RequestWait("create", COND, False, 5000, 0)]
    (total,) = totals([calls("create", 1000, 100)], waits, [], scheduled=False)
    assert (total.lock_wait_ns, total.cond_wait_ns, total.other_ns) == (300, 600, 0)


def test_api_without_an_ended_call_still_shows_its_waits() -> None:
    waits = [RequestWait("create", MUTEX, True, 300, 2)]
    (total,) = totals([], waits, [], scheduled=False)
    assert (total.api, total.calls, total.lock_wait_ns, total.other_ns) == ("create", 0, 300, 0)


def test_held_up_by_sums_over_locks_of_one_identity() -> None:
    owners = [
        RequestOwner("destroy", "create", MUTEX, 100),
        RequestOwner("destroy", "create", TWIN, 50),
        RequestOwner("destroy", "destroy", MUTEX, 400),
    ]
    (total,) = totals([calls("destroy", 1000, 0)], [], owners, scheduled=False)
    assert total.held_up_by == (
        HeldUpBy("destroy", MUTEX.name, 400),
        HeldUpBy("create", MUTEX.name, 150),
    )


def test_longest_served_comes_first() -> None:
    found = totals([calls("short", 10, 0), calls("long", 1000, 0)], [], [], scheduled=False)
    assert [total.api for total in found] == ["long", "short"]
