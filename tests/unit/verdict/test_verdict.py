"""The verdict's sentences, and the evidence that each needs."""

from dataclasses import replace

from tracer.model.kinds import Kind, ReleaseKind
from tracer.model.locks import Lock, Owner, Thread
from tracer.model.report import CallSite, Health, Report, Target, TraceInfo
from tracer.model.requests import HeldUpBy, RequestLock, RequestTotal
from tracer.model.stacks import Frame, Stack, StackEnd
from tracer.model.waits import Blocked, LockTotal, OwnerSum, ReleaseSum, WaitSum
from tracer.verdict import verdict
from tracer.verdict.evidence import NOTICED_NS, STUCK_NS

SECOND = 1_000_000_000
INFO = TraceInfo("0", (Target(7, "daemon", "/daemon"),), "", 10 * SECOND, 1_000_000, "tracepoint")
LOCK = Lock(7, 0x1000, Kind.MUTEX, "Manager", "Manager")
OTHER = Lock(7, 0x2000, Kind.MUTEX, "Table", "Table")
POOL = Lock(7, 0x3000, Kind.COND, "pool", "pool")
WORKER = Thread(7, 71, "worker")
STACK = Stack((Frame("label", "libd.so", 1, 2), Frame("create", "libd.so", 3, 4)), StackEnd.COMPLETE)
TOTAL = LockTotal(LOCK, 100, 9 * SECOND, SECOND // 2)
SMALL = LockTotal(OTHER, 10, SECOND // 1000, SECOND // 10_000)
REQUEST = RequestTotal("create", 50, 0, 0, 0, 0, 100 * SECOND, 0, 0, 0, 0, 100 * SECOND)


def said(report: Report) -> str:
    return "\n".join(verdict(report))


def test_nothing_is_said_of_nothing() -> None:
    assert verdict(Report(INFO)) == ()


def test_no_waits_are_no_problem() -> None:
    idle = LockTotal(POOL, 10, 50 * SECOND, SECOND)
    text = said(Report(INFO, (idle,), health=Health(futex_calls=123)))
    assert "Locks are not the problem: no thread waited for one in 10.0 s and 123 futex calls." in text
    assert "most of it (50.0 s) at cond pool" in text


def test_few_short_waits_are_no_problem() -> None:
    text = said(Report(INFO, (SMALL,)))
    assert text == (
        "Locks are not the problem: 10 waits in 10.0 s took 1.0 ms in all, first among them those for "
        "mutex Table; the longest took 100.0 us."
    )


def test_one_wait_that_a_person_notices_is_a_problem() -> None:
    assert "costs most" not in said(Report(INFO, (replace(SMALL, max_wait_ns=NOTICED_NS - 1),)))
    assert "costs most" in said(Report(INFO, (replace(SMALL, max_wait_ns=NOTICED_NS),)))


def test_the_costliest_lock_for_whom_where_and_held_by_whom() -> None:
    report = Report(
        INFO,
        (TOTAL, SMALL),
        (CallSite(LOCK, Kind.MUTEX, STACK, 90, 8 * SECOND, SECOND),),
        (
            ReleaseSum(LOCK, ReleaseKind.RELEASE, STACK, WORKER, None, 9, 6 * SECOND),
            ReleaseSum(LOCK, ReleaseKind.SHORT, None, None, None, 9, 3 * SECOND),
        ),
        waits=(WaitSum(LOCK, Kind.MUTEX, STACK, WORKER, None, 90, 8 * SECOND, SECOND),),
    )
    assert verdict(report) == (
        "The mutex Manager costs most: 100 waits took 9.0 s, 100.0 % of all waiting for locks, "
        "the longest 500.0 ms.",
        "worker/71 waits for it most, 8.0 s (100.0 %).",
        "It was let go by worker at label <- create (66.7 % of the blame).",
        "It is waited for at label <- create (100.0 % of the waits of 1.0 ms or more).",
    )


def test_threads_of_one_name_are_named_together() -> None:
    threads = [Thread(7, 70 + number, "worker") for number in range(8)]
    waits = tuple(WaitSum(LOCK, Kind.MUTEX, STACK, thread, None, 10, SECOND, SECOND) for thread in threads)
    assert "8 threads named worker wait for it most, 8.0 s (100.0 %)." in said(
        Report(INFO, (TOTAL,), waits=waits)
    )


def test_nobody_is_named_who_stands_for_little() -> None:
    threads = [Thread(7, 70 + number, f"worker {number}") for number in range(8)]
    waits = tuple(WaitSum(LOCK, Kind.MUTEX, STACK, thread, None, 10, SECOND, SECOND) for thread in threads)
    owners = tuple(OwnerSum(thread.tid, "worker", 10, SECOND, 0) for thread in threads)
    rows = (
        ReleaseSum(LOCK, ReleaseKind.RELEASE, STACK, WORKER, None, 9, SECOND),
        ReleaseSum(LOCK, ReleaseKind.SHORT, None, None, None, 9, 8 * SECOND),
    )
    text = said(Report(INFO, (replace(TOTAL, owners=owners),), release_sites=rows, waits=waits))
    assert "waits for it most" not in text and "let go" not in text and "held it most" not in text


def test_an_owner_is_named_where_no_release_was_seen() -> None:
    total = replace(TOTAL, owners=(OwnerSum(72, "holder", 80, 8 * SECOND, 80),))
    assert "holder/72 held it most, 100.0 % of the time." in said(Report(INFO, (total,)))


def test_the_call_that_waits_and_the_call_that_holds() -> None:
    request = replace(
        REQUEST,
        lock_wait_ns=20 * SECOND,
        other_ns=80 * SECOND,
        locks=(RequestLock("Manager", "Manager", 18 * SECOND, 40),),
        held_up_by=(HeldUpBy("destroy", "Manager", 15 * SECOND),),
    )
    text = said(Report(INFO, (TOTAL,), requests=(request,)))
    assert (
        "It makes create slow: 50 calls waited 18.0 s for it, 18.0 % of the 100.0 s that they took." in text
    )
    assert "destroy held it during 15.0 s (100.0 %) of that." in text


def test_locks_that_no_call_waits_for_are_not_the_problem() -> None:
    text = said(Report(INFO, (TOTAL,), requests=(replace(REQUEST, lock_wait_ns=SECOND),)))
    assert (
        "API calls waited 1.0 s of their 100.0 s (1.0 %) for locks, first among them mutex Manager." in text
    )
    assert "costs most" not in text


def test_the_lock_that_calls_wait_for_comes_before_one_that_only_threads_do() -> None:
    busy = LockTotal(OTHER, 100, 50 * SECOND, SECOND)
    locks = (RequestLock("Manager", "Manager", 20 * SECOND, 40),)
    request = replace(REQUEST, lock_wait_ns=20 * SECOND, other_ns=80 * SECOND, locks=locks)
    text = said(Report(INFO, (busy, TOTAL), requests=(request,)))
    assert "The mutex Manager costs API calls most: 100 waits took 9.0 s, 15.3 %" in text


def test_locks_of_one_identity_are_one() -> None:
    objects = tuple(
        LockTotal(Lock(7, number, Kind.MUTEX, f"Domain {number}", "Domain", "Domain"), 10, 2 * SECOND)
        for number in range(1, 6)
    )
    text = said(Report(INFO, (TOTAL, *objects)))
    assert "The 5 mutexes Domain cost most: 50 waits took 10.0 s, 52.6 % of all waiting for locks" in text


def test_a_small_wait_of_calls_is_told_with_its_holder() -> None:
    request = replace(
        REQUEST,
        p50_ns=2 * SECOND,
        max_ns=3 * SECOND,
        lock_wait_ns=5 * SECOND,
        locks=(RequestLock("Manager", "Manager", 4 * SECOND, 9),),
        held_up_by=(HeldUpBy("destroy", "Manager", 3 * SECOND),),
    )
    text = said(Report(INFO, (TOTAL,), requests=(request,)))
    assert (
        "Most time goes into create: 50 calls took 100.0 s, with a median of 2.0 s and 3.0 s at most" in text
    )
    assert "create waited 4.0 s for mutex Manager, held by destroy during 3.0 s (100.0 %) of that." in text


def test_queued_calls_name_the_setting_and_no_lock() -> None:
    text = said(
        Report(INFO, (SMALL,), requests=(replace(REQUEST, queued_ns=90 * SECOND, other_ns=10 * SECOND),))
    )
    assert "50 API calls spent 90.0 s (90.0 % of their time) queued" in text and "max_workers" in text
    assert "max_client_requests" not in text and "costs most" not in text


def test_throttled_calls_name_the_setting_and_no_lock() -> None:
    text = said(Report(INFO, (SMALL,), requests=(replace(REQUEST, throttled_ns=300 * SECOND),)))
    assert "300.0 s (75.0 % of their time)" in text and "max_client_requests" in text
    assert "max_workers" not in text and "costs most" not in text


def test_processor_time_is_told_where_it_is_known() -> None:
    request = replace(REQUEST, cpu_ns=60 * SECOND, runqueue_ns=40 * SECOND, blocked_ns=0)
    text = said(Report(INFO, (SMALL,), requests=(request,)))
    assert "60.0 s (60.0 % of their time) computing" in text
    assert "40.0 s (40.0 % of their time) ready to run" in text


def test_the_call_that_most_time_is_spent_in_is_named() -> None:
    slow = replace(REQUEST, queued_ns=90 * SECOND, other_ns=10 * SECOND)
    quick = replace(slow, api="query", queued_ns=SECOND, total_ns=2 * SECOND, other_ns=SECOND)
    text = said(Report(INFO, (SMALL,), requests=(quick, slow)))
    assert "100 API calls spent 91.0 s (89.2 % of their time, mostly in create) queued" in text


def test_a_deadlock_comes_first_and_its_threads_are_told_once() -> None:
    other = Thread(7, 72, "other")
    one = Blocked(WORKER, LOCK, Kind.MUTEX, 0, 5 * SECOND, True, Owner(72, "other"), STACK)
    two = Blocked(other, OTHER, Kind.MUTEX, 0, 5 * SECOND, True, Owner(71, "worker"), STACK)
    text = said(Report(INFO, (TOTAL,), waiting=(one, two), deadlocks=((one, two),)))
    assert text.startswith(
        "Deadlock: worker/71 waits for mutex Manager, held by other/72, which waits for mutex Table"
    )
    assert "At the end" not in text


def test_a_thread_that_is_stuck() -> None:
    stuck = Blocked(WORKER, LOCK, Kind.MUTEX, 0, STUCK_NS, False, Owner(72, "other"), STACK)
    assert "1 thread was still waiting" in said(Report(INFO, waiting=(stuck,)))
    assert "still waiting" not in said(Report(INFO, waiting=(replace(stuck, waited_ns=STUCK_NS - 1),)))
    assert "still waiting" not in said(Report(INFO, waiting=(replace(stuck, kind=Kind.COND),)))


def test_there_are_never_more_than_five() -> None:
    one = Blocked(WORKER, LOCK, Kind.MUTEX, 0, 5 * SECOND, True, Owner(72, "other"), STACK)
    assert len(verdict(Report(INFO, (TOTAL,), deadlocks=((one,),) * 9))) == 5
