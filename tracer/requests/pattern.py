"""Requests of any server, from stacks alone: the outermost frame whose function matches a pattern."""

import fnmatch
import re
from collections.abc import Iterable

from tracer.errors import UsageError
from tracer.model.requests import RequestTotal, RequestWait
from tracer.model.stacks import Stack
from tracer.model.waits import WaitSum
from tracer.requests.totals import totals


class Pattern:
    """Shell patterns with commas between them, such as `remoteDispatch*,handle_*`. Raises UsageError."""

    def __init__(self, text: str) -> None:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        if not parts:
            raise UsageError(
                "--requests names no pattern", "auto, off, libvirt, or a pattern such as 'handle_*'"
            )
        self._matches = re.compile("|".join(fnmatch.translate(part) for part in parts)).match

    def request(self, stack: Stack) -> str | None:
        """The request that a wait from this stack belongs to."""
        for frame in reversed(stack.frames):
            if frame.function is not None and self._matches(frame.function):
                return frame.function
        return None

    def totals(self, waits: Iterable[WaitSum]) -> tuple[RequestTotal, ...]:
        """What requests waited for, at or above the threshold. How many there were, stacks cannot tell."""
        found = []
        for wait in waits:
            api = self.request(wait.stack)
            if api is not None:
                found.append(RequestWait(api, wait.lock, wait.kind.contention, wait.wait_ns, wait.waits))
        return totals([], found, [], scheduled=False)
