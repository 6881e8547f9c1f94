"""What windows say about gaps: simulated programs whose acquisitions are known."""

import random

import pytest

from tracer.probe.estimate import (
    Acquisitions,
    Estimate,
    Estimator,
    Gap,
    Taken,
    ThreadClocks,
    Window,
    combine,
    probe_shares,
)

COST_NS = 500.0
ON_NS = 2_000_000
GAP_NS = 100_000_000
PID, TID, MUTEX = 10, 11, 0x1000
THREAD = (PID, TID)
LOCK = (PID, MUTEX)


def window(hits: int, cpu_ns: float | None = ON_NS, on_ns: int = ON_NS, tid: int = TID) -> Window:
    """A window in which one thread took one mutex evenly."""
    clocks = {} if cpu_ns is None else {(PID, tid): cpu_ns}
    taken = (Taken(PID, tid, MUTEX, hits, 0, on_ns * (hits - 1) // max(hits, 1)),) if hits else ()
    return Window(on_ns, taken, clocks)


def estimate(gaps: list[Gap], cost_ns: float = COST_NS) -> Estimate:
    estimator = Estimator(cost_ns)
    for gap in gaps:
        estimator.add(gap)
    return estimator.result().get(LOCK, Estimate())


def test_a_rare_lock_scales_with_time() -> None:
    gap = Gap(GAP_NS, (window(10), window(10)), {THREAD: GAP_NS})
    assert estimate([gap], cost_ns=0).count == pytest.approx(10 * GAP_NS / ON_NS)


@pytest.mark.parametrize("base_ns", [10_000, 2_000, 1_000, 600])
@pytest.mark.parametrize("clocked", [True, False])
def test_the_cost_of_the_probe_is_taken_out(base_ns: int, clocked: bool) -> None:
    """A thread that takes the mutex every `base_ns` when it is not probed."""
    hits = int(ON_NS / (base_ns + COST_NS))
    cpu = ON_NS if clocked else None
    gap = Gap(GAP_NS, (window(hits, cpu), window(hits, cpu)), {THREAD: GAP_NS} if clocked else {})
    found = estimate([gap])
    assert found.count == pytest.approx(GAP_NS / base_ns, rel=0.01)
    assert not found.saturated


def test_a_rate_that_is_the_probes_own_is_a_lower_bound() -> None:
    base_ns = 50
    hits = int(ON_NS / (base_ns + COST_NS))
    found = estimate([Gap(GAP_NS, (window(hits),), {THREAD: GAP_NS})])
    assert found.saturated
    assert found.count == pytest.approx(GAP_NS / (base_ns + COST_NS), rel=0.01)


@pytest.mark.parametrize(("busy", "saturated"), [(1, False), (20, True)])
def test_a_rate_that_is_the_probes_own_at_times(busy: int, saturated: bool) -> None:
    """In some of 100 gaps. A few windows say nothing of the others; many make the count a bound."""
    calm_ns, busy_ns = 2_000, 300
    gaps, truth = [], 0.0
    for base_ns in [calm_ns] * (100 - busy) + [busy_ns] * busy:
        gaps.append(Gap(GAP_NS, (window(int(ON_NS / (base_ns + COST_NS))),), {THREAD: GAP_NS}))
        truth += GAP_NS / base_ns
    found = estimate(gaps)
    assert found.saturated == saturated
    assert truth * 0.4 < found.count < truth * (0.8 if saturated else 1)


def test_a_thread_that_ran_more_in_the_windows_than_in_the_gaps() -> None:
    """Two threads on one CPU: by chance one had the whole window, but only half of the gap."""
    base_ns = 5_000
    hits = ON_NS // base_ns
    gap = Gap(GAP_NS, (window(hits),), {THREAD: GAP_NS // 2})
    assert estimate([gap], cost_ns=0).count == pytest.approx(GAP_NS / 2 / base_ns)


def test_a_thread_that_idles_less_while_it_is_probed() -> None:
    """It takes the mutex at a fixed pace, and its CPU time in the window has the probe's cost on top."""
    hits, busy_ns = 400, 500_000
    probed = window(hits, busy_ns + hits * COST_NS)
    gap = Gap(GAP_NS, (probed, probed), {THREAD: busy_ns * GAP_NS // ON_NS})
    assert estimate([gap]).count == pytest.approx(hits * GAP_NS / ON_NS, rel=0.01)


def test_rare_bursts_come_out_right_on_average() -> None:
    """1 ms of 1,000 acquisitions every 40 ms or so, at random; windows see few of them."""
    chance = random.Random(7)
    gaps, truth = [], 0
    for _ in range(4000):
        bursts = [chance.uniform(0, GAP_NS) for _ in range(chance.randint(0, 5))]
        truth += 1000 * len(bursts)
        seen = 1000 if chance.random() < 2.5 * ON_NS / GAP_NS else 0
        busy = 1_000_000 if seen else 0
        part = Window(ON_NS, (Taken(PID, TID, MUTEX, seen, 0, busy),) if seen else (), {THREAD: busy})
        gaps.append(Gap(GAP_NS, (part,), {THREAD: 1_000_000 * len(bursts)}))
    assert estimate(gaps, cost_ns=0).count == pytest.approx(truth, rel=0.05)


def test_a_rate_that_changes_a_hundredfold() -> None:
    gaps, truth = [], 0.0
    for second in range(10):
        base_ns = 1_000 if second % 2 else 100_000
        hits = int(ON_NS / (base_ns + COST_NS))
        gaps += [Gap(GAP_NS, (window(hits), window(hits)), {THREAD: GAP_NS})] * 10
        truth += 10 * GAP_NS / base_ns
    assert estimate(gaps).count == pytest.approx(truth, rel=0.02)


def test_a_window_or_gap_of_no_length_says_nothing() -> None:
    assert estimate([Gap(GAP_NS, (window(5, on_ns=0),))]) == Estimate()
    assert estimate([Gap(0, (window(5),))]).count == 0
    assert estimate([Gap(GAP_NS, ())]) == Estimate()


def test_threads_are_kept_apart() -> None:
    both = Window(ON_NS, (*window(3000).taken, *window(3, tid=12).taken), {})
    shares = probe_shares(both, COST_NS)
    assert shares[THREAD] == pytest.approx(0.75, rel=0.01)
    assert shares[PID, 12] < 0.01


def test_clocks_of_threads_that_are_in_both_readings() -> None:
    before, after = ThreadClocks(5, {THREAD: 100, (PID, 12): 7}), ThreadClocks(9, {THREAD: 130, (PID, 13): 1})
    assert before.until(after) == {THREAD: 30}


def test_seen_and_unseen_add_up() -> None:
    combined = combine({LOCK: 5, (PID, 2): 1}, {LOCK: Estimate(4.6, True), (PID, 3): Estimate(2.0)}, True)
    assert combined == {
        LOCK: Acquisitions(10, True, True),
        (PID, 2): Acquisitions(1, True, False),
        (PID, 3): Acquisitions(2, True, False),
    }
    assert combine({LOCK: 5}, {}, False) == {LOCK: Acquisitions(5, False, False)}
