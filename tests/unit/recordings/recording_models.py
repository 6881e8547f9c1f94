"""A small trace of one process, made by hand: two locks, three threads, two call sites."""

from dataclasses import replace
from pathlib import Path

from tracer.model.kinds import Kind, Outcome, ReleaseKind
from tracer.model.locks import Lock, Owner, Thread
from tracer.model.report import Health, ProbeState, Report, Target, TraceInfo
from tracer.model.requests import HeldUpBy, RequestLock, RequestTotal
from tracer.model.stacks import Frame, Stack, StackEnd
from tracer.model.waits import Blocked, LockTotal, OwnerSum, Release, ReleaseSum, Wait, WaitSum
from tracer.recording import Recorder

PID = 4100
ZERO = 5_000_000_000_000
MS = 1_000_000
SECOND = 1_000_000_000
INFO = TraceInfo(
    version="0.1.0",
    targets=(Target(PID, "daemon", "/usr/sbin/daemon"),),
    started="2026-11-28T10:00:00.250000+01:00",
    duration_ns=10 * SECOND,
    threshold_ns=MS,
    hook="tracepoint",
    mutex_probe=ProbeState("sampled", 1000, 400, SECOND, "over the budget"),
    end_reason="interrupted",
)
WORKER = Thread(PID, 4101, "worker")
OTHER = Thread(PID, 4102, "other")
HOLDER = Owner(4103, "holder", confirmed=True)
QUEUE = Lock(PID, 0x7F00_0000_1000, Kind.MUTEX, "queue", "daemon:queue", "Queue")
TABLE = Lock(PID, 0x5500_0000_2000, Kind.RWLOCK, "table", "daemon:table")
IDLE = Lock(PID, 0x5500_0000_3000, Kind.COND, "pool", "daemon:pool")


def frame(function: str | None, offset: int, module: str = "/usr/sbin/daemon") -> Frame:
    return Frame(
        function, module, offset, 0x5500_0000_0000 + offset, f"{function}.c" if function else None, 7
    )


MAIN = frame("main", 0x100)
TAKE = Stack((frame("take", 0x400), frame("serve", 0x200), MAIN), StackEnd.COMPLETE)
LOOK = Stack((frame(None, 0x500), frame("serve", 0x200)), StackEnd.NO_ROW)
GIVE = Stack((frame("give", 0x600), MAIN), StackEnd.COMPLETE)
WAITS = (
    Wait(WORKER, QUEUE, Kind.MUTEX, ZERO + SECOND, ZERO + SECOND + 8 * MS, 3, Outcome.WOKEN, TAKE, HOLDER),
    Wait(OTHER, QUEUE, Kind.MUTEX, ZERO + 2 * SECOND, ZERO + 2 * SECOND + 2 * MS, 1, Outcome.WOKEN, TAKE),
    Wait(
        WORKER,
        TABLE,
        Kind.RWLOCK_WRITE,
        ZERO + 3 * SECOND,
        ZERO + 3 * SECOND + 5 * MS,
        2,
        Outcome.TIMEOUT,
        LOOK,
        None,
        "Create",
        "Destroy",
    ),
)
RELEASES = (
    Release(Thread(PID, 4103, "holder"), QUEUE, ReleaseKind.RELEASE, ZERO + SECOND + 7 * MS, 8 * MS, GIVE),
    Release(OTHER, TABLE, ReleaseKind.RELEASE, ZERO + 3 * SECOND + 5 * MS, 4 * MS, GIVE, "Destroy"),
)
WAIT_SUMS = (
    WaitSum(QUEUE, Kind.MUTEX, TAKE, WORKER, None, 1, 8 * MS, 8 * MS),
    WaitSum(TABLE, Kind.RWLOCK_WRITE, LOOK, WORKER, "Create", 1, 5 * MS, 5 * MS),
    WaitSum(QUEUE, Kind.MUTEX, TAKE, OTHER, None, 1, 2 * MS, 2 * MS),
)
RELEASE_SUMS = (
    ReleaseSum(QUEUE, ReleaseKind.RELEASE, GIVE, Thread(PID, 4103, "holder"), None, 1, 8 * MS),
    ReleaseSum(TABLE, ReleaseKind.RELEASE, GIVE, OTHER, "Destroy", 1, 4 * MS),
    ReleaseSum(TABLE, ReleaseKind.NONE_SEEN, None, None, None, 1, MS),
)
BLOCKED = Blocked(OTHER, TABLE, Kind.RWLOCK_READ, ZERO - SECOND, 11 * SECOND, True, HOLDER, LOOK, "Create")
TOTALS = (
    LockTotal(
        *(QUEUE, 40, 12 * MS, 8 * MS, 55, 0, 1, 2, 10 * MS),
        eagain=4,
        acquisitions=9000,
        acquisitions_estimated=True,
        histogram=(0, 3, 0, 37),
        owners=(OwnerSum(4103, "holder", 1, 8 * MS, 1),),
    ),
    LockTotal(TABLE, 1, 5 * MS, 5 * MS, 2, 1, 0, 1, 5 * MS, 1, 11 * SECOND, histogram=(0,) * 22 + (1,)),
    LockTotal(IDLE, 2, 3 * MS, 2 * MS, 2, histogram=(0,) * 20 + (1, 1)),
)
REQUESTS = (
    RequestTotal(
        *("Create", 20, 1, 9 * MS, 20 * MS, 30 * MS, 200 * MS, 10 * MS, 0, 100 * MS, 50 * MS, 40 * MS),
        cpu_ns=30 * MS,
        runqueue_ns=4 * MS,
        blocked_ns=6 * MS,
        locks=(RequestLock("table", "daemon:table", 5 * MS, 1),),
        held_up_by=(HeldUpBy("Destroy", "table", 5 * MS),),
    ),
    RequestTotal("Destroy", 3, 0, 1, 2, 3, 6, 0, 0, 0, 0, 0),
)
HEALTH = Health(
    waits_lost=2,
    calls_lost=1,
    runs_skipped=4,
    stacks=3,
    stacks_complete=2,
    incomplete={"no unwind row": 1},
    attach_ns=7,
    notes=("a note",),
)
REPORT = Report(
    INFO,
    locks=TOTALS,
    release_sites=RELEASE_SUMS,
    waiting=(BLOCKED,),
    requests=REQUESTS,
    health=HEALTH,
    waits=WAIT_SUMS,
)


def build_id(path: str) -> str | None:
    return "c0ffee00" if path == "/usr/sbin/daemon" else None


def record(path: Path, report: Report | None = REPORT, waits: tuple[Wait, ...] = WAITS) -> Path:
    """A recording of the trace at `path`; cut off after its events where `report` is None."""
    recorder = Recorder(path, replace(INFO, duration_ns=0), started_ns=ZERO, build_id=build_id)
    for wait in waits:
        recorder.wait(wait)
    for release in RELEASES:
        recorder.release(release)
    if report is None:
        recorder.flush()
        recorder.close()
    else:
        recorder.finish(report)
    return path
