"""A report by hand, of a daemon with one expensive lock, and hostile names in it."""

from tracer.model.kinds import Kind, Outcome, ReleaseKind
from tracer.model.locks import Lock, Owner, Thread
from tracer.model.report import CallSite, Health, Report, Target, ThreadTotal, TraceInfo
from tracer.model.requests import HeldUpBy, RequestLock, RequestTotal
from tracer.model.stacks import Frame, Stack, StackEnd
from tracer.model.waits import Blocked, LockTotal, OwnerSum, ReleaseSum, Wait, WaitSum

MS = 1_000_000
SECOND = 1_000 * MS
HOSTILE = 'vm\x1b[31m;<b>[bold red]\n"'

LIBC = Frame("__lll_lock_wait", "/usr/lib/libc.so.6", 0x10, 0x7F10)


def stack_of(*functions: str, end: StackEnd = StackEnd.COMPLETE) -> Stack:
    own = (Frame(name, "/usr/lib/libdaemon.so.0", 0x20, 0x7F20, "src/daemon.c", 12) for name in functions)
    return Stack((LIBC, *own), end)


MANAGER = Lock(7, 0x7F31C0012A98, Kind.MUTEX, "SecurityManager", "SecurityManager", "SecurityManager")
DOMAIN = Lock(7, 0x7F31C0012B98, Kind.RWLOCK, HOSTILE, "Domain", "Domain")
POOL = Lock(7, 0x7F31C0012C98, Kind.COND, "pool cond 3", "pool", None)
FIRST = Thread(7, 71, "worker")
SECOND_THREAD = Thread(7, 72, HOSTILE)
LABEL = stack_of("genLabel", "launch", "create")
FIND = stack_of("findDomain", "main", end=StackEnd.NO_ROW)
INFO = TraceInfo(
    "0.1.0",
    (Target(7, "daemon", "/usr/sbin/daemon"),),
    "2026-11-28T02:00:00+00:00",
    10 * SECOND,
    MS,
    "tracepoint",
)
HISTOGRAM = tuple(50 if 20 <= slot < 24 else 0 for slot in range(64))

MANAGER_TOTAL = LockTotal(
    MANAGER,
    200,
    9 * SECOND,
    900 * MS,
    1000,
    long_waits=150,
    long_wait_ns=8 * SECOND,
    histogram=HISTOGRAM,
    owners=(OwnerSum(72, HOSTILE, 200, 9 * SECOND, 190),),
)
DOMAIN_TOTAL = LockTotal(DOMAIN, 20, 100 * MS, 9 * MS, 20, long_waits=2, long_wait_ns=15 * MS)
POOL_TOTAL = LockTotal(POOL, 2000, 50 * SECOND, 900 * MS, 2000)

WAIT = Wait(
    FIRST,
    MANAGER,
    Kind.MUTEX,
    SECOND,
    SECOND + 123 * MS,
    5,
    Outcome.WOKEN,
    LABEL,
    Owner(72, "holder"),
    "getInfo",
    "create",
)
BLOCKED = Blocked(FIRST, MANAGER, Kind.MUTEX, 0, 3_200 * MS, True, Owner(72, HOSTILE), LABEL)

CREATE = RequestTotal(
    "create",
    100,
    1,
    SECOND,
    2 * SECOND,
    3 * SECOND,
    total_ns=100 * SECOND,
    queued_ns=MS,
    throttled_ns=0,
    lock_wait_ns=12 * SECOND,
    cond_wait_ns=78 * SECOND,
    other_ns=10 * SECOND - MS,
    locks=(RequestLock("SecurityManager", "SecurityManager", 11 * SECOND, 90),),
    held_up_by=(HeldUpBy("create", "SecurityManager", 10 * SECOND),),
)

REPORT = Report(
    info=INFO,
    locks=(POOL_TOTAL, MANAGER_TOTAL, DOMAIN_TOTAL),
    call_sites=(
        CallSite(MANAGER, Kind.MUTEX, LABEL, 150, 8 * SECOND, 900 * MS),
        CallSite(DOMAIN, Kind.RWLOCK_READ, FIND, 2, 15 * MS, 9 * MS),
    ),
    release_sites=(
        ReleaseSum(
            MANAGER, ReleaseKind.RELEASE, stack_of("unlock", "command"), FIRST, "create", 100, 8 * SECOND
        ),
        ReleaseSum(MANAGER, ReleaseKind.SHORT, None, None, None, 100, SECOND),
    ),
    threads=(ThreadTotal(FIRST, 100, 5 * SECOND), ThreadTotal(SECOND_THREAD, 52, 3_015 * MS)),
    waiting=(BLOCKED,),
    requests=(CREATE,),
    health=Health(stacks=2000, stacks_complete=1999, incomplete={"no unwind row": 1}, futex_calls=12_345),
    waits=(
        WaitSum(MANAGER, Kind.MUTEX, LABEL, FIRST, "create", 100, 5 * SECOND, 900 * MS),
        WaitSum(MANAGER, Kind.MUTEX, LABEL, SECOND_THREAD, "create", 50, 3 * SECOND, 800 * MS),
        WaitSum(DOMAIN, Kind.RWLOCK_READ, FIND, SECOND_THREAD, None, 2, 15 * MS, 9 * MS),
    ),
)
EMPTY = Report(INFO, health=Health(futex_calls=12_345))
