"""From a futex call inside a primitive to the kind and base of what is waited for: glibc's futex words."""

from tracer.locks.layout import Layout
from tracer.locks.primitives import Primitive
from tracer.model.kinds import Kind

WAIT, LOCK_PI, WAIT_BITSET, LOCK_PI2 = 0, 6, 9, 13
COMMAND_MASK = 127
"""The futex command without FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME."""

CONTENDED = 2
"""A low-level lock that is held and waited for."""

WAITERS_BIT = 1 << 31
"""In a robust or PI mutex's word, beside the owner's tid."""

READERS_WAIT = 4
"""Bit of a rwlock's count of readers: they wait for a change of the count itself."""

HEAP_ALIGNMENT = 64 << 20
HEAP_HEADER = 0x1000

_SIMPLE = {
    Primitive.MUTEX: Kind.MUTEX,
    Primitive.SEM: Kind.SEM,
    Primitive.ONCE: Kind.ONCE,
    Primitive.ALLOCATOR: Kind.ARENA,
    Primitive.GLIB_MUTEX: Kind.MUTEX,
}
"""Primitives whose futex word is their object's first."""

GLIB_COND_WORD = 8
"""GCond: a pointer, then the word."""


def takes_pi_mutex(operation: int) -> bool:
    return operation & COMMAND_MASK in (LOCK_PI, LOCK_PI2)


def takes_low_level_lock(operation: int, value: int) -> bool:
    """The call is what glibc's mutexes and inner locks make: sleep while the word says contended."""
    return operation & COMMAND_MASK == WAIT and (value == CONTENDED or bool(value & WAITERS_BIT))


def in_arena_header(word: int) -> bool:
    """The word lies where malloc keeps the arena of a heap that is not the main one."""
    return word % HEAP_ALIGNMENT < HEAP_HEADER


def without_stack(word: int, operation: int, value: int) -> tuple[Kind, int]:
    """What the call alone tells: glibc's inner locks look like mutexes, and are."""
    if takes_pi_mutex(operation):
        return Kind.PI_MUTEX, word
    if takes_low_level_lock(operation, value):
        return (Kind.ARENA if in_arena_header(word) else Kind.MUTEX), word
    return Kind.OTHER, word


def within(primitive: Primitive, word: int, operation: int, value: int, layout: Layout) -> tuple[Kind, int]:
    """Kind and base of the object that `primitive` waits for on `word`."""
    if takes_pi_mutex(operation):
        return Kind.PI_MUTEX, word
    if primitive in _SIMPLE:
        return _SIMPLE[primitive], word
    if primitive is Primitive.READ_LOCK:
        return Kind.RWLOCK_READ, word - _rwlock_offset(word, value)
    if primitive is Primitive.WRITE_LOCK:
        return Kind.RWLOCK_WRITE, word - _rwlock_offset(word, value)
    if primitive is Primitive.COND_WAIT:
        return _cond_wait(word, operation, value, layout)
    if primitive is Primitive.COND_SIGNAL:
        return Kind.COND, word - _cond_signal_offset(word, value, layout)
    if primitive is Primitive.BARRIER:
        return Kind.BARRIER, word - (4 if word & 4 else 16)
    if primitive is Primitive.JOIN:
        return Kind.JOIN, word - (layout.thread_id or 0)
    if primitive is Primitive.GLIB_COND:
        return Kind.COND, word - GLIB_COND_WORD
    return Kind.OTHER, word


def _rwlock_offset(word: int, value: int) -> int:
    """The lock is aligned to 8. Writers wait at 12, both at 8; readers also on the count at 0."""
    if word & 4:
        return 12
    return 0 if value & READERS_WAIT else 8


def _cond_wait(word: int, operation: int, value: int, layout: Layout) -> tuple[Kind, int]:
    """The two words of signals lie side by side, the first aligned to 8; or the mutex is taken again."""
    if takes_low_level_lock(operation, value):
        return Kind.MUTEX, word
    return Kind.COND, word - layout.cond_signals - (word & 4)


def _cond_signal_offset(word: int, value: int, layout: Layout) -> int:
    """A signaller waits for a group to empty (an odd value), or for the inner lock; pthread_cond_destroy for
    the references."""
    if value & 1:
        return layout.cond_groups + (word & 4)
    return layout.cond_references if word & 4 else layout.cond_lock
