"""Keeps the mutex probe within its budget: on while it can be afforded, else on in short windows only."""

import os
import select
import time
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock as ThreadLock

from tracer.courtesy import give_way, go_first
from tracer.errors import TargetError
from tracer.kernel.probe_maps import ProbeMaps
from tracer.kernel.switch import ProbeSwitch
from tracer.kernel.thread_clocks import TaskClocks
from tracer.probe import budget as policy
from tracer.probe.budget import Budget
from tracer.probe.clocks import process_cpu_ns
from tracer.probe.estimate import Estimate, Estimator, Gap, Lock, ThreadClocks, Window

TICK_S = 0.1


@dataclass(frozen=True, slots=True)
class Counted:
    """A window that was counted, the clocks at its start, and whether the probe may stay on after it."""

    window: Window
    began: ThreadClocks
    affordable: bool


class Sampler:
    """Runs in a thread of its own, from a probe that is on to `stop`."""

    def __init__(
        self, maps: ProbeMaps, switch: ProbeSwitch, pids: Sequence[int], budget: Budget, estimator: Estimator
    ) -> None:
        self._maps = maps
        self._switch = switch
        self._pids = tuple(pids)
        self._budget = budget
        self._estimator = estimator
        self._guard = ThreadLock()
        self._stop = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._stopping = False
        self._waiter = select.epoll()
        self._waiter.register(self._stop, select.EPOLLIN)
        self._waiter.register(maps.alarm_fd, select.EPOLLIN)
        self._clocks = TaskClocks()
        self._accounted = self._accounts()
        self.windows = 0
        self.gaps = 0

    def estimates(self) -> dict[Lock, Estimate]:
        """What was taken while the probe was off."""
        with self._guard:
            return self._estimator.result()

    def stop(self) -> None:
        """Makes `run` return soon."""
        self._stopping = True
        os.eventfd_write(self._stop, 1)

    def close(self) -> None:
        self._clocks.close()
        self._waiter.close()
        os.close(self._stop)

    def run(self) -> None:
        """Until it is stopped, or the target ends. Raises LockwatchError."""
        go_first()
        counted: Counted | None = self._count(policy.FIRST_WINDOW_NS)
        while counted is not None and not self._stopping:
            if counted.affordable:
                counted = self._stay_on()
            if counted is not None and not counted.affordable:
                counted = self._sit_out(counted)

    def _stay_on(self) -> Counted | None:
        """On until the budget is used up: the window counted last, or None when it is stopped."""
        while not self._stopping:
            self._maps.set_alarm(self._budget.affordable_hits)
            self._waiter.poll(TICK_S)
            self._maps.clear_alarm()
            self._account()
            if self._budget.exhausted:
                return self._count(policy.SHORTEST_WINDOW_NS, stay=False)
        return None

    def _count(self, length_ns: int, stay: bool = True) -> Counted:
        """Counts a window of a probe that is on, and takes it off at once where it costs too much."""
        hits_before = self._maps.count().hits
        began = self._clocks.read()
        self._maps.set_alarm(4 * self._budget.affordable_hits)
        self._maps.count_window(True)
        start = time.monotonic_ns()
        self._waiter.poll(length_ns / 1e9)
        self._maps.count_window(False)
        on_ns = time.monotonic_ns() - start
        ended = self._clocks.read()
        hits = self._maps.count().hits - hits_before
        affordable = stay and self._budget.affords(hits, on_ns)
        if not affordable:
            self._turn_off()
        self._maps.clear_alarm()
        return Counted(self._window(on_ns, began, ended), began, affordable)

    def _window(self, on_ns: int, began: ThreadClocks, ended: ThreadClocks) -> Window:
        """What was counted in the `on_ns` that lie between two readings, which are a little further apart."""
        self.windows += 1
        taken = tuple(taken for taken in self._maps.take_window() if taken.pid in self._pids)
        scale = on_ns / max(ended.at_ns - began.at_ns, 1)
        return Window(on_ns, taken, {thread: cpu * scale for thread, cpu in began.until(ended).items()})

    def _sit_out(self, before: Counted) -> Counted | None:
        """A gap and the window that ends it; None when it is stopped or the target has ended.

        Each window stands for half of the gap.
        """
        self.gaps += 1
        self._clocks.watch(self._estimator.slowed(before.window))
        begin = self._clocks.read()
        gap_ns, length_ns = self._budget.next_window(before.window.hits, before.window.on_ns)
        self._wait(gap_ns)
        try:
            if not self._stopping:
                self._turn_on()
        except TargetError:
            self._stopping = True
        if self._stopping:
            self._fill_gap(begin, self._clocks.read(), before.window)
            return None
        after = self._count(length_ns)
        self._fill_gap(begin, after.began, before.window, after.window)
        return after

    def _turn_on(self) -> None:
        """This thread goes first as long as the probe is on: a window that overruns is the target's loss."""
        go_first()
        self._switch.on()

    def _turn_off(self) -> None:
        """What there is to do without the probe takes longest, and can wait."""
        self._switch.off()
        give_way()

    def _wait(self, gap_ns: int) -> None:
        """With the probe off. No window opens on an overdrawn budget."""
        while not self._stopping:
            self._waiter.poll(gap_ns / 1e9)
            self._account()
            if not self._budget.exhausted:
                return
            gap_ns = policy.SHORTEST_GAP_NS

    def _fill_gap(self, begin: ThreadClocks, end: ThreadClocks, *windows: Window) -> None:
        with self._guard:
            self._estimator.add(Gap(end.at_ns - begin.at_ns, windows, begin.until(end)))

    def _accounts(self) -> tuple[int, int, int]:
        """(time, the targets' CPU time, hits) so far. A target that is gone has used none."""
        cpu = sum(process_cpu_ns(pid) for pid in self._pids)
        return time.monotonic_ns(), cpu, self._maps.count().hits

    def _account(self) -> None:
        now = self._accounts()
        wall, cpu, hits = (new - old for new, old in zip(now, self._accounted, strict=True))
        self._budget.account(wall, max(cpu, 0), hits)
        self._accounted = now
