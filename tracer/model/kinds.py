"""What can be waited for, and how a wait ends."""

from enum import Enum


class Kind(str, Enum):
    """A way of waiting. RWLOCK_READ and RWLOCK_WRITE are ways to wait for one RWLOCK."""

    MUTEX = "mutex"
    RWLOCK = "rwlock"
    RWLOCK_READ = "rwlock-read"
    RWLOCK_WRITE = "rwlock-write"
    PI_MUTEX = "pi-mutex"
    SEM = "sem"
    ONCE = "once"
    ARENA = "arena"
    JOB = "job"
    COND = "cond"
    BARRIER = "barrier"
    JOIN = "join"
    OTHER = "other"

    def __str__(self) -> str:
        return self.value

    @property
    def of_lock(self) -> "Kind":
        """The kind of the lock that this is a way to wait for."""
        return Kind.RWLOCK if self in (Kind.RWLOCK_READ, Kind.RWLOCK_WRITE) else self

    @property
    def contention(self) -> bool:
        """Waiting for it is contention, rather than idling or a hand-over."""
        return self not in IDLE_KINDS


IDLE_KINDS = frozenset({Kind.COND, Kind.BARRIER, Kind.JOIN, Kind.OTHER})


class Outcome(str, Enum):
    """How a wait ended."""

    WOKEN = "woken"
    TIMEOUT = "timeout"
    INTERRUPTED = "interrupted"
    UNFINISHED = "unfinished"

    def __str__(self) -> str:
        return self.value


class ReleaseKind(str, Enum):
    """What a row of blame is charged to."""

    RELEASE = "release"
    SIGNAL = "signal"
    SHORT = "short releases"
    NONE_SEEN = "no release seen"

    def __str__(self) -> str:
        return self.value
