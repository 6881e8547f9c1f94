from itertools import pairwise
from typing import cast

from tracer.kernel.objects import ObjectMaps
from tracer.naming.namer import Namer
from tracer.object_watch import FIRST_NS, LONGEST_NS, SHARE, ObjectWatch


class Recorded:
    """A namer, the maps and the clock, all in one: what was asked of them, and when."""

    def __init__(self, look_ns: int) -> None:
        self.now = 1
        self.looks: list[tuple[str, int, int]] = []
        self.filled: list[tuple[int, str]] = []
        self._look_ns = look_ns

    def watch(self, pid: int) -> str:
        return self._look("watch", pid)

    def refresh(self, pid: int) -> str:
        return self._look("refresh", pid)

    def _look(self, how: str, pid: int) -> str:
        self.looks.append((how, pid, self.now))
        self.now += self._look_ns
        return f"classes of {pid}"

    def fill(self, pid: int, classes: str) -> None:
        self.filled.append((pid, classes))


def watch(recorded: Recorded, *pids: int) -> ObjectWatch:
    maps, namer = cast(ObjectMaps, recorded), cast(Namer, recorded)
    return ObjectWatch(maps, namer, pids, lambda: recorded.now)


def test_each_target_is_watched_and_then_looked_at_again() -> None:
    recorded = Recorded(0)
    objects = watch(recorded, 11, 22)
    objects.tick()
    objects.tick()
    recorded.now += FIRST_NS
    objects.tick()
    assert [look[:2] for look in recorded.looks] == [
        ("watch", 11),
        ("watch", 22),
        ("refresh", 11),
        ("refresh", 22),
    ]
    assert recorded.filled[:2] == [(11, "classes of 11"), (22, "classes of 22")]


def test_looks_grow_rare_but_do_not_cease() -> None:
    recorded = Recorded(0)
    objects = watch(recorded, 11)
    for _ in range(4000):
        objects.tick()
        recorded.now += 10_000_000
    times = [time for _, _, time in recorded.looks]
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses == sorted(pauses)
    assert FIRST_NS <= pauses[0] < 2 * FIRST_NS
    assert pauses[-1] == LONGEST_NS


def test_long_looks_are_rare() -> None:
    look_ns = 100_000_000
    recorded = Recorded(look_ns)
    objects = watch(recorded, 11)
    for _ in range(4000):
        objects.tick()
        recorded.now += 10_000_000
    assert len(recorded.looks) <= 1 + recorded.now // (SHARE * look_ns)
