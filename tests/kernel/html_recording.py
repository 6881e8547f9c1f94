"""A recording with two locks, three threads and hostile names, for the page that is made from it."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from tracer.model.kinds import Kind, Outcome, ReleaseKind
from tracer.model.locks import Lock, Owner, Thread
from tracer.model.report import Health, Report, Target, TraceInfo
from tracer.model.stacks import Frame, Stack, StackEnd
from tracer.model.waits import LockTotal, Release, ReleaseSum, Wait, WaitSum
from tracer.recording import Recorder

MS = 1_000_000
ZERO = 10**12
PID = 7
HOSTILE = "<script>window.owned=1</script>"
HOSTILE_LOCK = 'image "<img src=x onerror=window.owned=1>"'
INFO = TraceInfo(
    "0.1.0", (Target(PID, HOSTILE, "/daemon"),), "2026-11-28T10:00:00+00:00", 2_000 * MS, MS, "tracepoint"
)
TABLE = Lock(PID, 0x1000, Kind.MUTEX, "table", "table", "Table")
IMAGE = Lock(PID, 0x2000, Kind.RWLOCK, HOSTILE_LOCK, "image", "Image")
POOL = Lock(PID, 0x3000, Kind.COND, "pool", "pool")
WORKERS = (Thread(PID, 71, "worker"), Thread(PID, 72, HOSTILE))
HOLDER = Owner(73, "holder", True)


def stack(*functions: str) -> Stack:
    inner = Frame("futex_wait", "/usr/lib/libc.so.6", 1, 2)
    frames = (Frame(name, "/usr/bin/daemon", 3, 4, "daemon.c", 5) for name in functions)
    return Stack((inner, *frames), StackEnd.COMPLETE)


LOOK_UP = stack("look_up", "serve", "main")
DRAW = stack("draw<int>", "serve", "main")
GIVE = stack("give_back", "main")


def waits() -> Iterator[Wait]:
    """40 for the table (160 ms), the first before the trace's start; later 20 for the image (60 ms)."""
    for number in range(40):
        start = ZERO + (number * 25 - 10) * MS
        thread = WORKERS[number % 2]
        yield Wait(thread, TABLE, Kind.MUTEX, start, start + 4 * MS, 3, Outcome.WOKEN, LOOK_UP, HOLDER, "Get")
    for number in range(20):
        start = ZERO + (1_000 + number * 40) * MS
        yield Wait(
            WORKERS[0],
            IMAGE,
            Kind.RWLOCK_READ,
            start,
            start + 3 * MS,
            1,
            Outcome.WOKEN,
            DRAW,
            None,
            "Draw",
        )
    yield Wait(WORKERS[1], POOL, Kind.COND, ZERO + 1_500 * MS, ZERO + 1_900 * MS, 1, Outcome.WOKEN, GIVE)


def dense_waits() -> Iterator[Wait]:
    """2,000 short ones within the first fifth of the trace: many in each pixel."""
    for number in range(2_000):
        start = ZERO + number * MS // 5
        yield Wait(WORKERS[0], TABLE, Kind.MUTEX, start, start + MS // 10, 1, Outcome.WOKEN, LOOK_UP, None)


def report() -> Report:
    histogram = tuple(40 if slot == 21 else 0 for slot in range(64))
    return Report(
        INFO,
        (
            LockTotal(TABLE, 40, 160 * MS, 4 * MS, 120, long_waits=40, histogram=histogram),
            LockTotal(IMAGE, 20, 60 * MS, 3 * MS, 20, long_waits=20, histogram=histogram),
            LockTotal(POOL, 1, 400 * MS, 400 * MS, 1, long_waits=1, histogram=histogram),
        ),
        release_sites=(ReleaseSum(TABLE, ReleaseKind.SHORT, None, None, None, 5, 10 * MS),),
        waits=(WaitSum(TABLE, Kind.MUTEX, LOOK_UP, WORKERS[0], "Get", 40, 160 * MS, 4 * MS),),
        health=Health(stacks=61, stacks_complete=61, stacks_lost=2, futex_calls=1000),
    )


def record(path: Path, recorded: Iterable[Wait]) -> Path:
    recorder = Recorder(path, INFO, started_ns=ZERO)
    for wait in recorded:
        recorder.wait(wait)
    holder = Thread(PID, 73, "holder")
    recorder.release(Release(holder, TABLE, ReleaseKind.RELEASE, ZERO + 500 * MS, 150 * MS, GIVE, "Put"))
    recorder.finish(report())
    return path
