"""Which locks are named before a report asks for them, and when."""

from collections.abc import Callable
from typing import cast

from tracer.blocking import BlockedFinder
from tracer.early_names import INTERVAL_NS, LONGEST_NAMING_NS, MOST_TRIES, SETTLED_NS, SHARE, EarlyNames
from tracer.kernel import records as raw
from tracer.model.kinds import Kind
from tracer.model.stacks import NO_STACK, Stack
from tracer.resolving import Resolver, Site, Way

PID = 11
STACK = 3


class Recorded:
    """A kernel side, a resolver, a finder and the clock, all in one: what was asked of them."""

    def __init__(self, read_ns: int = 0, name_ns: int = 0) -> None:
        self.now = 1
        self.waits: dict[raw.WaitKey, int] = {}
        self.named: list[tuple[int, int, int]] = []
        self.looks: list[int] = []
        self.least: set[int] = set()
        self.sleepers: dict[int, raw.ThreadState] = {}
        self.seen_asleep: list[tuple[int, int, bool]] = []
        self.wakes = False
        self.late_stacks: set[int] = set()
        self._read_ns = read_ns
        self._name_ns = name_ns

    def first_stacks(self) -> dict[raw.WaitKey, int]:
        self.looks.append(self.now)
        self.now += self._read_ns
        return dict(self.waits)

    def threads(self) -> dict[int, raw.ThreadState]:
        return dict(self.sleepers)

    def thread(self, tid: int) -> raw.ThreadState | None:
        state = self.sleepers.get(tid)
        if state is not None and self.wakes:
            self.sleepers[tid] = state._replace(slept=state.slept + 1)
        return state

    def seen_waited(self, pid: int, site: Site, still: Callable[[], bool]) -> None:
        self.seen_asleep.append((pid, site.base, still()))

    def sleep(self, tid: int, word: int, phase: int = raw.PHASE_ASLEEP) -> None:
        fields = dict.fromkeys(raw.ThreadState._fields, 0)
        self.sleepers[tid] = raw.ThreadState(
            **fields | {"pid": PID, "word": word, "slept": 5, "phase": phase}
        )
        self.wait_for(word)

    def knows_stack(self, stack_id: int) -> bool:
        return stack_id not in self.late_stacks

    def stack(self, stack_id: int) -> Stack:
        return NO_STACK

    def site(self, way: Way, stack_id: int) -> Site:
        return Site(Kind.MUTEX, way.word)

    def lock(self, pid: int, site: Site, reference: int, stack: Stack) -> None:
        self.now += self._name_ns
        self.named.append((pid, site.base, reference))

    def find(self, states: dict[int, raw.ThreadState], now_ns: int, least_ns: int) -> None:
        self.least.add(least_ns)

    def forget_ended(self, states: dict[int, raw.ThreadState]) -> None: ...

    def wait_for(self, word: int, reference: int = 0, ip: int = 0) -> None:
        self.waits[raw.WaitKey(word, ip, reference, 0, PID, 0, 0, 0)] = STACK

    def early_names(self) -> EarlyNames:
        clock: Callable[[], int] = lambda: self.now  # noqa: E731
        return EarlyNames(self, cast(Resolver, self), cast(BlockedFinder, self), clock, clock)


def look_again(recorded: Recorded, names: EarlyNames, after_ns: int = INTERVAL_NS) -> None:
    recorded.now += after_ns
    names.tick()


def test_each_lock_is_named_once_and_again_when_another_object_lies_there() -> None:
    recorded = Recorded()
    names = recorded.early_names()
    recorded.wait_for(64)
    recorded.wait_for(64, ip=5)
    names.tick()
    recorded.wait_for(64, reference=7)
    recorded.wait_for(128)
    look_again(recorded, names)
    look_again(recorded, names)
    assert recorded.named == [(PID, 64, 0), (PID, 64, 7), (PID, 128, 0)]


def test_a_lock_is_not_judged_before_its_stack_has_come() -> None:
    recorded = Recorded()
    names = recorded.early_names()
    recorded.late_stacks = {STACK}
    recorded.wait_for(64)
    names.tick()
    assert not recorded.named
    recorded.late_stacks = set()
    look_again(recorded, names)
    assert recorded.named == [(PID, 64, 0)]


def test_those_that_sleep_are_looked_at() -> None:
    recorded = Recorded()
    recorded.early_names().tick()
    assert recorded.least == {SETTLED_NS}


def test_looks_take_a_small_share() -> None:
    recorded = Recorded(read_ns=10_000_000)
    names = recorded.early_names()
    for _ in range(1000):
        look_again(recorded, names, 50_000_000)
    assert len(recorded.looks) * 10_000_000 * SHARE <= recorded.now + 10_000_000 * SHARE
    assert len(recorded.looks) > 1


def test_naming_stops_when_it_takes_long_and_goes_on_later() -> None:
    recorded = Recorded(name_ns=LONGEST_NAMING_NS // 4)
    names = recorded.early_names()
    for word in range(64, 64 + 80, 8):
        recorded.wait_for(word)
    names.tick()
    assert len(recorded.named) == 4
    look_again(recorded, names)
    look_again(recorded, names)
    assert [word for _, word, _ in recorded.named] == list(range(64, 64 + 80, 8))


def test_a_lock_that_is_waited_for_now_is_looked_at_a_few_times() -> None:
    recorded = Recorded()
    names = recorded.early_names()
    recorded.sleep(1, 64)
    recorded.sleep(2, 128, raw.PHASE_BETWEEN)
    for _ in range(2 * MOST_TRIES):
        look_again(recorded, names)
    assert recorded.seen_asleep == [(PID, 64, True)] * MOST_TRIES


def test_a_waiter_that_woke_meanwhile_is_told_of() -> None:
    recorded = Recorded()
    recorded.sleep(1, 64)
    recorded.wakes = True
    recorded.early_names().tick()
    assert recorded.seen_asleep == [(PID, 64, False)]
