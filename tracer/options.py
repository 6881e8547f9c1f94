"""Which waits the views show, and what they are gathered by."""

import fnmatch
from dataclasses import dataclass
from enum import Enum

from tracer.errors import UsageError
from tracer.model.kinds import IDLE_KINDS, Kind
from tracer.model.locks import Lock

CONTENTION = frozenset(Kind) - IDLE_KINDS
DEFAULT_TOP = 20


class GroupBy(str, Enum):
    """What stands for one row of the table of locks."""

    LOCK = "lock"
    CLASS = "class"
    IDENTITY = "identity"
    SITE = "site"
    THREAD = "thread"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Filters:
    """`lock`: an address, or a pattern of names; None: every lock."""

    kinds: frozenset[Kind] = CONTENTION
    lock: str | None = None
    group_by: GroupBy = GroupBy.LOCK
    top: int = DEFAULT_TOP

    def accepts(self, lock: Lock, kind: Kind) -> bool:
        return (kind in self.kinds or kind.of_lock in self.kinds) and self.accepts_lock(lock)

    def accepts_releases(self, lock: Lock) -> bool:
        """A release ends every way of waiting for the lock: those that are chosen, too."""
        return any(kind.of_lock is lock.kind for kind in self.kinds) and self.accepts_lock(lock)

    def shows(self, lock: Lock) -> bool:
        """The tables have the lock. Beside contention stands the short part of idle waits."""
        return self.accepts_releases(lock) or (self.kinds >= CONTENTION and self.accepts_lock(lock))

    def accepts_lock(self, lock: Lock) -> bool:
        if self.lock is None:
            return True
        if self.lock.lower().startswith("0x"):
            return f"{lock.address:#x}" == self.lock.lower()
        pattern = self.lock.lower()
        if not any(letter in pattern for letter in "*?["):
            pattern = f"*{pattern}*"
        return any(
            fnmatch.fnmatchcase(name.lower(), pattern)
            for name in (lock.name, lock.identity, lock.class_name or "")
        )


def parse_kinds(text: str) -> frozenset[Kind]:
    """`contention`, `all`, or kinds with commas between them. Raises UsageError."""
    kinds: set[Kind] = set()
    for word in filter(None, (part.strip() for part in text.split(","))):
        kinds |= _kinds_of(word)
    if not kinds:
        raise UsageError("--kinds names no kind", _known_kinds())
    return frozenset(kinds)


def _kinds_of(word: str) -> frozenset[Kind]:
    if word == "all":
        return frozenset(Kind)
    if word == "contention":
        return CONTENTION
    if word == "idle":
        return IDLE_KINDS
    try:
        return frozenset({Kind(word)})
    except ValueError:
        raise UsageError(f"--kinds: there is no kind {word!r}", _known_kinds()) from None


def _known_kinds() -> str:
    return "kinds: contention, idle, all, " + ", ".join(kind.value for kind in Kind)
