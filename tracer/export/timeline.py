"""What happened, in the order of time: waits begin and end, releases end waits."""

import heapq
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from operator import attrgetter
from typing import TypeAlias

from tracer.export.source import Source
from tracer.model.locks import Lock, Thread
from tracer.model.stacks import Stack
from tracer.model.waits import Blocked, Release, Wait

# A woken thread that takes longer than this to end its wait was woken by another release.
LONGEST_WAKE_NS = 100_000_000

Facts: TypeAlias = tuple[tuple[str, str | int], ...]


class Step(IntEnum):
    """In the order in which moments of the same time happen."""

    RELEASE = 0
    END = 1
    BEGIN = 2


@dataclass(frozen=True, slots=True)
class Moment:
    """`what`: the kind of wait or release. `flow` is the same for a release and the wait's end; 0: none."""

    time_ns: int
    step: Step
    thread: Thread
    lock: Lock
    what: str
    stack: Stack
    facts: Facts = ()
    flow: int = 0


def timeline(source: Source) -> Iterator[Moment]:
    """All moments of waits and of releases, by time. Waits are held in memory only while they last."""
    releases = _Releases(source)
    ends: list[tuple[int, int, Moment]] = []
    waits = heapq.merge(
        (_of_wait(wait, releases.flow(wait)) for wait in source.waits()),
        (_of_blocked(blocked) for blocked in sorted(source.blocked(), key=attrgetter("started_ns"))),
        key=lambda pair: pair[0].time_ns,
    )

    def steps() -> Iterator[Moment]:
        for number, (begin, end) in enumerate(waits):
            while ends and ends[0][0] <= begin.time_ns:
                yield heapq.heappop(ends)[2]
            yield begin
            heapq.heappush(ends, (end.time_ns, number, end))
        while ends:
            yield heapq.heappop(ends)[2]

    return heapq.merge(releases.moments(), steps(), key=lambda moment: (moment.time_ns, moment.step))


class _Releases:
    """The releases of a source by lock, so that the one that ended a wait is found."""

    def __init__(self, source: Source) -> None:
        self._releases = list(source.releases())
        self._numbers: defaultdict[Lock, list[int]] = defaultdict(list)
        self._times: defaultdict[Lock, list[int]] = defaultdict(list)
        for number, release in enumerate(self._releases, 1):
            self._numbers[release.lock].append(number)
            self._times[release.lock].append(release.time_ns)

    def flow(self, wait: Wait) -> int:
        """The number of the last release of the lock by another thread before the wait's end; 0: none."""
        times = self._times.get(wait.lock, [])
        position = bisect_left(times, wait.ended_ns + 1)
        earliest = max(wait.started_ns, wait.ended_ns - LONGEST_WAKE_NS)
        while position and times[position - 1] >= earliest:
            position -= 1
            number = self._numbers[wait.lock][position]
            if self._releases[number - 1].thread != wait.thread:
                return number
        return 0

    def moments(self) -> Iterator[Moment]:
        for number, release in enumerate(self._releases, 1):
            yield _of_release(release, number)


def _of_wait(wait: Wait, flow: int) -> tuple[Moment, Moment]:
    facts: list[tuple[str, str | int]] = [("outcome", str(wait.outcome)), ("sleeps", wait.sleeps)]
    if wait.owner:
        facts.append(("owner", f"{wait.owner.thread}/{wait.owner.tid}"))
    facts += [
        (name, value)
        for name, value in (("request", wait.request), ("owner_request", wait.owner_request))
        if value is not None
    ]
    what = str(wait.kind)
    begin = Moment(wait.started_ns, Step.BEGIN, wait.thread, wait.lock, what, wait.stack, tuple(facts))
    return begin, Moment(wait.ended_ns, Step.END, wait.thread, wait.lock, what, wait.stack, flow=flow)


def _of_blocked(blocked: Blocked) -> tuple[Moment, Moment]:
    """To the trace's end, where its slice is cut off."""
    facts: Facts = (("outcome", "unfinished"),)
    if blocked.owner:
        facts = *facts, ("owner", f"{blocked.owner.thread}/{blocked.owner.tid}")
    what, end_ns = str(blocked.kind), blocked.started_ns + blocked.waited_ns
    at = blocked.thread, blocked.lock, what, blocked.stack
    return Moment(blocked.started_ns, Step.BEGIN, *at, facts), Moment(end_ns, Step.END, *at)


def _of_release(release: Release, flow: int) -> Moment:
    facts: Facts = (("blame_ns", release.blame_ns),)
    if release.request is not None:
        facts = *facts, ("request", release.request)
    what = str(release.what)
    return Moment(
        release.time_ns, Step.RELEASE, release.thread, release.lock, what, release.stack, facts, flow
    )
