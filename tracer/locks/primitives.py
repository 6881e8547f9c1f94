"""The functions that sleep on futexes, by name."""

import re
from enum import Enum


class Primitive(Enum):
    """A family of functions that wait in the same way, or SYSCALL, behind which anything may stand."""

    MUTEX = "mutex"
    READ_LOCK = "rwlock, to read"
    WRITE_LOCK = "rwlock, to write"
    SEM = "semaphore"
    COND_WAIT = "condition variable, waited for"
    COND_SIGNAL = "condition variable, signalled or destroyed"
    BARRIER = "barrier"
    ONCE = "once"
    JOIN = "join"
    ALLOCATOR = "malloc"
    GLIB_MUTEX = "GMutex"
    GLIB_COND = "GCond"
    SYSCALL = "futex(2) itself"


_DECORATION = re.compile(r"^_*(?:GI_+)?(?:new_|old_|libc_)?")
"""What glibc puts before the names of its inner functions."""

_BY_PREFIX = (
    ("pthread_mutex_", Primitive.MUTEX),
    ("mtx_", Primitive.MUTEX),
    ("sem_", Primitive.SEM),
    ("pthread_cond_wait", Primitive.COND_WAIT),
    ("pthread_cond_timedwait", Primitive.COND_WAIT),
    ("pthread_cond_clockwait", Primitive.COND_WAIT),
    ("cnd_wait", Primitive.COND_WAIT),
    ("cnd_timedwait", Primitive.COND_WAIT),
    ("pthread_cond_", Primitive.COND_SIGNAL),
    ("cnd_", Primitive.COND_SIGNAL),
    ("condvar_", Primitive.COND_SIGNAL),
    ("pthread_barrier_", Primitive.BARRIER),
    ("pthread_once", Primitive.ONCE),
    ("call_once", Primitive.ONCE),
    ("pthread_join", Primitive.JOIN),
    ("pthread_timedjoin", Primitive.JOIN),
    ("pthread_clockjoin", Primitive.JOIN),
    ("thrd_join", Primitive.JOIN),
    ("int_malloc", Primitive.ALLOCATOR),
    ("int_free", Primitive.ALLOCATOR),
    ("int_realloc", Primitive.ALLOCATOR),
    ("int_memalign", Primitive.ALLOCATOR),
    ("arena_get", Primitive.ALLOCATOR),
    ("tcache_", Primitive.ALLOCATOR),
    ("malloc_", Primitive.ALLOCATOR),
    ("mallinfo", Primitive.ALLOCATOR),
)

_BY_NAME = {
    "syscall": Primitive.SYSCALL,
    "sysmalloc": Primitive.ALLOCATOR,
    "systrim": Primitive.ALLOCATOR,
    "mid_memalign": Primitive.ALLOCATOR,
    **dict.fromkeys(
        (
            "malloc",
            "free",
            "cfree",
            "calloc",
            "realloc",
            "reallocarray",
            "memalign",
            "aligned_alloc",
            "posix_memalign",
            "valloc",
            "pvalloc",
        ),
        Primitive.ALLOCATOR,
    ),
}

_GLIB = {
    "g_mutex_lock": Primitive.GLIB_MUTEX,
    "g_mutex_lock_slowpath": Primitive.GLIB_MUTEX,
    "g_bit_lock": Primitive.GLIB_MUTEX,
    "g_bit_lock_and_get": Primitive.GLIB_MUTEX,
    "g_pointer_bit_lock": Primitive.GLIB_MUTEX,
    "g_pointer_bit_lock_and_get": Primitive.GLIB_MUTEX,
    "g_cond_wait": Primitive.GLIB_COND,
    "g_cond_wait_until": Primitive.GLIB_COND,
    "g_cond_timed_wait": Primitive.GLIB_COND,
}


def libc_primitive(function: str) -> Primitive | None:
    """Of a function of the C library, by its exported or inner name."""
    name = _DECORATION.sub("", function.partition(".")[0])
    if name in _BY_NAME:
        return _BY_NAME[name]
    if name.startswith("pthread_rwlock_"):
        return Primitive.READ_LOCK if "rdlock" in name else Primitive.WRITE_LOCK
    return next((primitive for prefix, primitive in _BY_PREFIX if name.startswith(prefix)), None)


def glib_primitive(function: str) -> Primitive | None:
    """Of a function of glib, which calls futex(2) itself."""
    return _GLIB.get(function.partition(".")[0])
