"""Names of locks in C++ objects on the heap, where they are certain.

An object may be gone when its lock's name is asked for, and its memory another object's. So a class counts
where debug information has a lock at that very place in it; without that where a thread was waiting for the
lock while its memory was read. A place that was two classes' is no one's.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from tracer.naming.heap_objects import HeapObject, HeapObjects, last_name
from tracer.naming.members import MemberFinder
from tracer.symbols.module import Module

READ_AGAIN_NS = 1_000_000_000
"""Memory is read anew for a lock's name, but not more often than this."""

MOST_KEPT = 100_000


@dataclass(frozen=True, slots=True)
class Member:
    """`path` leads from the object to the lock: `.guard`, or `+0x28`."""

    class_name: str
    path: str


class HeapNames:
    """Those of one process. `module_at` gives the file whose data lies at an address."""

    def __init__(
        self,
        objects: HeapObjects,
        members: MemberFinder,
        module_at: Callable[[int], Module | None],
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._objects = objects
        self._members = members
        self._module_at = module_at
        self._clock = clock
        self._known: dict[int, Member | None] = {}
        self._read: dict[int, int] = {}

    def seen_waited(self, lock: int, still: Callable[[], bool]) -> None:
        """Looks at a lock that a thread waits for; `still` tells afterwards that it has not ceased to."""
        found = self._objects.around(lock)
        member = self._by_debug_information(found) or self._by_size(found) if found is not None else None
        if member is not None and still():
            self._learn(lock, member)

    def member(self, lock: int) -> Member | None:
        """What `lock` is in its object; None where that is not certain."""
        now = self._clock()
        if now >= self._read.get(lock, 0):
            if len(self._read) >= MOST_KEPT:
                self._read.clear()
            self._read[lock] = now + READ_AGAIN_NS
            found = self._objects.around(lock)
            member = self._by_debug_information(found) if found is not None else None
            if member is not None:
                self._learn(lock, member)
        return self._known.get(lock)

    def _paths(self, found: HeapObject) -> set[str | None]:
        module = self._module_at(found.table)
        if module is None:
            return set()
        return self._members.class_paths(module, last_name(found.class_name), found.offset, found.fits)

    def _by_debug_information(self, found: HeapObject) -> Member | None:
        paths = self._paths(found)
        path = paths.pop() if len(paths) == 1 else None
        return Member(found.class_name, path) if path is not None else None

    def _by_size(self, found: HeapObject) -> Member | None:
        if self._paths(found) or not self._objects.deletes_as_whole(found):
            return None
        return Member(found.class_name, f"+{found.offset:#x}")

    def _learn(self, lock: int, member: Member) -> None:
        if len(self._known) >= MOST_KEPT:
            self._known.clear()
        known = self._known.setdefault(lock, member)
        if known is not None and known.class_name != member.class_name:
            self._known[lock] = None
