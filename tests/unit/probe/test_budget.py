"""What the probe may cost."""

import random

import pytest

from tracer.probe import budget as policy
from tracer.probe.budget import Budget

COST_NS = 500.0
SECOND = 1_000_000_000
TICK = 100_000_000


def steady(cpus: float = 1.0) -> Budget:
    budget = Budget(0.02, COST_NS, cpu_per_ns=cpus, jitter=lambda: 1.0)
    budget.balance_ns = budget.earned(policy.FIRST_CREDIT_NS)
    return budget


def test_a_rate_within_the_budget_never_uses_it_up() -> None:
    budget = steady()
    hits = int(0.015 * TICK / COST_NS)
    for _ in range(1000):
        budget.account(TICK, TICK, hits)
        assert not budget.exhausted
    assert budget.affords(hits, TICK)


def test_a_rate_above_the_budget_uses_it_up() -> None:
    budget = steady()
    hits = int(0.05 * TICK / COST_NS)
    ticks = 0
    while not budget.exhausted:
        budget.account(TICK, TICK, hits)
        ticks += 1
        assert ticks < 100
    assert not budget.affords(hits, TICK)


def test_savings_are_limited() -> None:
    budget = steady()
    for _ in range(1000):
        budget.account(TICK, TICK, 0)
    assert budget.balance_ns <= budget.earned(policy.DEPTH_NS)
    assert budget.affordable_hits == int(budget.balance_ns / COST_NS)


def test_a_target_that_idles_may_be_probed() -> None:
    budget = steady(policy.IDLE)
    budget.account(SECOND, 0, 0)
    assert budget.affords(1, 1_000_000)
    assert budget.affordable_hits > 1


@pytest.mark.parametrize("cost_ns", [400.0, 25_000.0])
@pytest.mark.parametrize("hits_per_ns", [0.0001, 0.001, 0.01, 0.05])
@pytest.mark.parametrize("cpus", [0.2, 1.0, 8.0])
def test_windows_stay_within_the_budget(cost_ns: float, hits_per_ns: float, cpus: float) -> None:
    """A program whose threads are slowed down to the probe's own rate while a window is open."""
    share = 0.02
    budget = Budget(share, cost_ns, cpu_per_ns=cpus, jitter=lambda: random.uniform(0.6, 1.4))
    length = policy.FIRST_WINDOW_NS
    wall = cost = windows = 0.0
    for _ in range(200):
        per_ns = min(hits_per_ns, cpus / cost_ns)
        hits = int(length * per_ns)
        gap, following = budget.next_window(hits, length)
        assert policy.SHORTEST_WINDOW_NS <= following <= policy.LONGEST_WINDOW_NS
        assert 0 < gap <= policy.LONGEST_GAP_NS
        budget.account(length + gap, int((length + gap) * cpus), hits)
        while budget.exhausted:
            budget.account(policy.SHORTEST_GAP_NS, int(policy.SHORTEST_GAP_NS * cpus), 0)
            wall += policy.SHORTEST_GAP_NS
        wall, cost, windows = wall + length + gap, cost + hits * cost_ns, windows + 1
        length = following
    assert cost <= share * cpus * wall + policy.FIRST_WINDOW_NS * cpus
    assert windows / wall * SECOND <= SECOND / (policy.SHORTEST_GAP_NS * 0.6)


def test_a_cheap_rate_gets_the_longest_windows() -> None:
    gap, length = steady().next_window(1, policy.LONGEST_WINDOW_NS)
    assert (gap, length) == (policy.SHORTEST_GAP_NS, policy.LONGEST_WINDOW_NS)


def test_an_overdraft_is_waited_out() -> None:
    budget = steady()
    budget.account(0, 0, int(0.01 * SECOND / COST_NS))
    gap, _ = budget.next_window(1000, 1_000_000)
    assert budget.earned(gap) >= -budget.balance_ns
