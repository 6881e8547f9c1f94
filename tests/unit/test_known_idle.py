"""Which idle waits the kernel side is told to take no stacks of."""

import pytest

from tracer.config import TraceConfig
from tracer.idle_stacks import KNOWN_NS, IdleStacks
from tracer.kernel import records as raw
from tracer.model.kinds import IDLE_KINDS, Kind
from tracer.model.stacks import NO_STACK, Stack, StackEnd
from tracer.options import Filters, GroupBy

WHOLE = Stack((), StackEnd.COMPLETE)
KEY = raw.IdleKey(word=0x40, ip=0x10, object=0, pid=7, operation=393, value=0, place=0x80)


class Told:
    """A kernel side and a clock: what it knows."""

    def __init__(self) -> None:
        self.now = 1
        self.known: dict[raw.IdleKey, raw.IdleStack] = {}
        self.times = 0

    def know_idle(self, key: raw.IdleKey, known: raw.IdleStack) -> None:
        self.known[key] = known
        self.times += 1

    def forget_idle(self, key: raw.IdleKey) -> None:
        del self.known[key]

    def clock(self) -> int:
        return self.now


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def idle(told: Told) -> IdleStacks:
    return IdleStacks(told, frozenset({Kind.COND}), told.clock)


def wait(flags: int = raw.WAIT_STACK_TAKEN, stack: int = 5) -> raw.WaitEvent:
    return raw.WaitEvent(
        type=raw.EVENT_WAIT,
        pid=KEY.pid,
        tid=8,
        owner=0,
        call=0,
        word=KEY.word,
        started=0,
        ended=1,
        ip=KEY.ip,
        stack=stack,
        object=KEY.object,
        request=0,
        owner_request=0,
        operation=KEY.operation,
        value=KEY.value,
        sleeps=1,
        outcome=0,
        flags=flags,
        place=KEY.place,
        comm=b"",
    )


def test_a_whole_stack_is_known_for_a_while(told: Told, idle: IdleStacks) -> None:
    idle.saw(wait(), Kind.COND, WHOLE)
    assert told.known == {KEY: raw.IdleStack(5, told.now + KNOWN_NS)}


def test_what_is_known_is_told_again_when_it_has_run_out(told: Told, idle: IdleStacks) -> None:
    for now in (1, 2, KNOWN_NS, KNOWN_NS + 1, KNOWN_NS + 2):
        told.now = now
        idle.saw(wait(), Kind.COND, WHOLE)
    assert told.times == 2


@pytest.mark.parametrize(
    ("event", "kind", "stack"),
    [(wait(), Kind.JOB, WHOLE), (wait(), Kind.COND, NO_STACK), (wait(flags=0), Kind.COND, WHOLE)],
    ids=["another kind", "not a whole stack", "not its own stack"],
)
def test_what_proves_nothing(
    told: Told, idle: IdleStacks, event: raw.WaitEvent, kind: Kind, stack: Stack
) -> None:
    idle.saw(event, kind, stack)
    assert not told.known


def test_a_place_where_another_kind_waits_too_is_never_known_again(told: Told, idle: IdleStacks) -> None:
    idle.saw(wait(), Kind.COND, WHOLE)
    idle.saw(wait(), Kind.JOB, WHOLE)
    assert not told.known
    told.now += 2 * KNOWN_NS
    idle.saw(wait(), Kind.COND, WHOLE)
    assert not told.known


def test_spared_are_the_idle_kinds_that_nothing_shows() -> None:
    assert TraceConfig(pids=(1,)).spared_kinds == IDLE_KINDS
    some = Filters(frozenset({Kind.MUTEX, Kind.COND}))
    assert TraceConfig(pids=(1,), filters=some).spared_kinds == IDLE_KINDS - {Kind.COND}


@pytest.mark.parametrize(
    "config",
    [
        TraceConfig(pids=(1,), each_release=True),
        TraceConfig(pids=(1,), requests="handle_*"),
        TraceConfig(pids=(1,), filters=Filters(group_by=GroupBy.SITE)),
        TraceConfig(pids=(1,), filters=Filters(group_by=GroupBy.THREAD)),
        TraceConfig(pids=(1,), filters=Filters(frozenset(Kind))),
    ],
    ids=["a recording", "requests by a pattern", "by site", "by thread", "all kinds"],
)
def test_nothing_is_spared_where_single_waits_are_shown(config: TraceConfig) -> None:
    assert not config.spared_kinds


def test_others_at_a_word_are_wanted_once_idle_waits_have_come_there(told: Told, idle: IdleStacks) -> None:
    assert not idle.saw(wait(), Kind.JOB, WHOLE)
    assert not idle.wants(wait(), Kind.JOB)
    assert idle.saw(wait(), Kind.COND, WHOLE)
    assert not idle.saw(wait(), Kind.COND, WHOLE)
    assert idle.wants(wait(), Kind.JOB)
    assert idle.wants(wait()._replace(word=0x80), Kind.COND)
