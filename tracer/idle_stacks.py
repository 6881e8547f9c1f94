"""Idle waits that no view shows: the kernel side is told their stacks, so that it need not take them."""

import time
from collections.abc import Callable
from typing import Protocol

from tracer.kernel import records as raw
from tracer.model.kinds import Kind
from tracer.model.stacks import Stack

KNOWN_NS = 1_000_000_000
"""A stack is taken anew after so long: another lock may have come to lie there."""

MOST = 4096
"""Places remembered: as many as the kernel side has room for."""


class IdlePlaces(Protocol):
    """The kernel side, as far as it is told here."""

    def know_idle(self, key: raw.IdleKey, known: raw.IdleStack) -> None: ...

    def forget_idle(self, key: raw.IdleKey) -> None: ...


class IdleStacks:
    """Learns from waits with stacks of their own where others need none: where all were of spared kinds."""

    def __init__(
        self, kernel: IdlePlaces, spared: frozenset[Kind], clock: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._kernel = kernel
        self._spared = spared
        self._clock = clock
        self._known_until: dict[raw.IdleKey, int] = {}
        self._mixed: set[raw.IdleKey] = set()
        self._words: set[int] = set()

    def wants(self, event: raw.WaitEvent, kind: Kind) -> bool:
        """Whether waits like this one must be seen each."""
        return kind in self._spared or event.word in self._words

    def saw(self, event: raw.WaitEvent, kind: Kind, stack: Stack) -> bool:
        """A long wait turned out to be of this kind. True where others at its word are wanted from now on."""
        if not event.flags & raw.WAIT_STACK_TAKEN or not self.wants(event, kind):
            return False
        known = event.word in self._words
        key = raw.IdleKey(
            event.word, event.ip, event.object, event.pid, event.operation, event.value, event.place
        )
        if kind not in self._spared:
            self._wants(key)
        elif stack.complete and key not in self._mixed:
            self._spares(key, event.stack)
        return not known and event.word in self._words

    def _spares(self, key: raw.IdleKey, stack: int) -> None:
        now = self._clock()
        if self._known_until.get(key, 0) > now:
            return
        if len(self._known_until) >= MOST:
            self._known_until.clear()
            self._words.clear()
        self._words.add(key.word)
        self._known_until[key] = now + KNOWN_NS
        self._kernel.know_idle(key, raw.IdleStack(stack, now + KNOWN_NS))

    def _wants(self, key: raw.IdleKey) -> None:
        """Idle waits and others look alike here: from now on only their stacks tell."""
        if self._known_until.pop(key, None) is not None:
            self._mixed.add(key)
            self._kernel.forget_idle(key)
