"""What a module is compiled for: each target has its own place in the map that is asked at every call."""

import random

import pytest

from tracer.kernel.plan import Plan


def test_one_target_has_the_only_place() -> None:
    assert Plan(targets=(4711,)).places == 1


@pytest.mark.parametrize("pids", [(10, 11), (10, 12), (8, 16, 24), tuple(range(100, 200))])
def test_targets_have_places_of_their_own(pids: tuple[int, ...]) -> None:
    plan = Plan(targets=pids)
    assert len({pid % plan.places for pid in pids}) == len(pids)
    assert plan.areas == 2 * len(pids)


def test_a_thousand_targets_take_no_more_than_some_megabytes() -> None:
    pids = tuple(random.Random(1).sample(range(1, 1 << 22), 1000))
    assert Plan(targets=pids).places < 1 << 20
