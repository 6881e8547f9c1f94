"""The probe's budget: a share of the CPU time that the targets use, earned while they run, spent by hits."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

# What can be saved up, and so be spent at once when the rate rises: ns of the targets' wall time.
DEPTH_NS = 500_000_000
# A window costs a little more than its hits: so not all that is there is spent.
MARGIN = 0.9
# On for good below this part of the budget, so that a rate close to it does not switch the probe to and fro.
CALM = 0.9
# CPUs. A target that idles has the budget of one that keeps so much of a CPU busy.
IDLE = 0.05
WHILE_NS = 100_000_000
# So short that the kernel takes the probe off at once: see tracer/kernel/switch.py.
LONGEST_WINDOW_NS = 4_000_000
SHORTEST_WINDOW_NS = 1_000_000
MEMORY_NS = 500_000_000  # how fast the smoothed CPU use follows
FIRST_WINDOW_NS = 1_000_000
FIRST_CREDIT_NS = 50_000_000  # of the targets' wall time: what may be spent before anything is earned
SHORTEST_GAP_NS = 90_000_000  # a window costs lockwatch itself about 1 ms of a CPU
LONGEST_GAP_NS = 1_000_000_000


@dataclass(slots=True)
class Budget:
    """`share` of the targets' CPU time; a hit costs `cost_ns`. Times are ns; `balance` may be overdrawn."""

    share: float
    cost_ns: float
    balance_ns: float = 0.0
    cpu_per_ns: float = IDLE  # CPUs that the targets keep busy, smoothed
    jitter: Callable[[], float] = field(default=lambda: random.uniform(0.6, 1.4))

    def account(self, wall_ns: int, cpu_ns: int, hits: int) -> None:
        """What was earned and spent since the last call."""
        cpu = max(cpu_ns, wall_ns * IDLE)
        if wall_ns > 0:
            weight = min(1.0, wall_ns / MEMORY_NS)
            self.cpu_per_ns += weight * (cpu / wall_ns - self.cpu_per_ns)
        self.balance_ns += self.earned(cpu) - hits * self.cost_ns
        self.balance_ns = min(self.balance_ns, self.earned(DEPTH_NS * self.cpu_per_ns))

    def earned(self, cpu_ns: float) -> float:
        """What may be spent on so much CPU time of the targets."""
        return self.share * MARGIN * cpu_ns

    @property
    def exhausted(self) -> bool:
        return self.balance_ns <= 0

    @property
    def affordable_hits(self) -> int:
        """Hits that the balance pays for; at least 1, since an alarm at 0 is none."""
        return max(1, int(self.balance_ns / self.cost_ns)) if self.cost_ns > 0 else 1 << 62

    def affords(self, hits: int, on_ns: int) -> bool:
        """The probe may stay on at a rate of `hits` in `on_ns`: it earns that, or can pay it for a while."""
        if on_ns <= 0:
            return False
        per_ns = hits * self.cost_ns / on_ns
        return per_ns <= CALM * self.earned(self.cpu_per_ns) or per_ns * WHILE_NS <= self.balance_ns

    def next_window(self, hits: int, on_ns: int) -> tuple[int, int]:
        """(gap, length) of the next window, from what the last one cost.

        The gap is long enough to earn what the window will cost and to make up for an overdraft, and random,
        so that no rhythm of the program's can hide from the windows.
        """
        per_ns = hits * self.cost_ns / on_ns if on_ns > 0 else 0.0
        earns = self.earned(self.cpu_per_ns)
        length = LONGEST_WINDOW_NS
        if per_ns > 0:
            length = int(min(LONGEST_WINDOW_NS, max(SHORTEST_WINDOW_NS, SHORTEST_GAP_NS * earns / per_ns)))
        needed = (length * per_ns - self.balance_ns) / earns
        gap = max(needed, SHORTEST_GAP_NS) * self.jitter()
        return int(min(gap, LONGEST_GAP_NS)), length
