"""Releases of words that nobody knows the lock of yet, because no long wait for them has ended."""

from collections.abc import KeysView, Sequence

from tracer.kernel.records import ReleaseEvent

HELD = 10_000

Word = tuple[int, int]
"""A process and an address in it."""


class HeldReleases:
    """At most `limit` of them, by word."""

    def __init__(self, limit: int = HELD) -> None:
        self._limit = limit
        self._held: dict[Word, list[ReleaseEvent]] = {}
        self._number = 0

    @property
    def words(self) -> KeysView[Word]:
        return self._held.keys()

    def hold(self, event: ReleaseEvent) -> bool:
        """False where there is no room."""
        if self._number >= self._limit:
            return False
        self._held.setdefault((event.pid, event.word), []).append(event)
        self._number += 1
        return True

    def take(self, word: Word) -> Sequence[ReleaseEvent]:
        """Those of a word, which are held no longer."""
        events = self._held.pop(word, [])
        self._number -= len(events)
        return events
