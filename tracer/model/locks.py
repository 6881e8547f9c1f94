"""Locks, and the threads that wait for them."""

from dataclasses import dataclass

from tracer.model.kinds import Kind

# In the identity of a lock that nothing else names: with several call sites, another run may name another.
FIRST_WAITED = "first waited for in"


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock of one process, by the base address of the object. `kind` is the lock's: never a read or write.

    `identity` is the same in the next run of the same program and holds no address; `name` is for people.
    """

    pid: int
    address: int
    kind: Kind
    name: str
    identity: str
    class_name: str | None = None


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread as the tracer's pid namespace knows it, under the last name it was seen with."""

    pid: int
    tid: int
    name: str


@dataclass(frozen=True, slots=True)
class Owner:
    """The thread that held a lock when a wait for it began; `confirmed` where it then released it."""

    tid: int
    thread: str
    confirmed: bool = False
