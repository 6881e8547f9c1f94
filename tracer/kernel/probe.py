"""The pthread_mutex_lock probe of a trace: how often each mutex is taken, within a budget."""

import threading
import time
from collections.abc import Sequence

from tracer.config import ProbeMode
from tracer.errors import LockwatchError
from tracer.kernel.calibration import HitCost
from tracer.kernel.probe_maps import ProbeMaps
from tracer.kernel.programs import Module
from tracer.kernel.sampling import Sampler
from tracer.kernel.switch import ProbeSwitch
from tracer.kernel.windows import remove_stale
from tracer.model.report import ProbeState
from tracer.probe.budget import FIRST_CREDIT_NS, IDLE, Budget
from tracer.probe.clocks import process_cpu_ns
from tracer.probe.estimate import Acquisitions, Estimator, Lock, combine

PROGRAM = "mutex_taken"
SWITCHED_OFF = ProbeState("off", 0, 0, 0, "not asked for")


class MutexProbe:
    """One trace's probe. Waiting is measured without it: what fails here turns it off, with the reason."""

    def __init__(self, module: Module, pids: Sequence[int], mode: ProbeMode, share: float) -> None:
        self._pids = tuple(pids)
        self._share = share
        self._mode = mode
        self._maps = ProbeMaps(module)
        self._program = module.load(PROGRAM, "KPROBE")
        self._switch: ProbeSwitch | None = None
        self._sampler: Sampler | None = None
        self._thread: threading.Thread | None = None
        self._cost_ns = 0.0
        self._own_hits = 0
        self._failure = ""

    def start(self) -> None:
        """On when this returns, or off with a reason."""
        remove_stale()
        if self._mode is ProbeMode.AUTO and self._share <= 0:
            self._failure = "the overhead budget is 0"
            return
        begin, cpu = time.monotonic_ns(), self._cpu_ns()
        try:
            switch = ProbeSwitch(self._program, self._pids)
        except LockwatchError as error:
            self._failure = error.message
            return
        try:
            cost = switch.measure_cost(self._maps)
            self._cost_ns = cost.working_ns
            self._own_hits = self._maps.count().hits
            switch.on()
        except LockwatchError as error:
            self._failure = error.message
            switch.close()
            return
        self._switch = switch
        if self._mode is ProbeMode.AUTO:
            self._begin_sampling(switch, cost, (self._cpu_ns() - cpu) / (time.monotonic_ns() - begin))

    def _begin_sampling(self, switch: ProbeSwitch, cost: HitCost, busy_cpus: float) -> None:
        budget = Budget(self._share, cost.working_ns, cpu_per_ns=max(busy_cpus, IDLE))
        budget.balance_ns = budget.earned(FIRST_CREDIT_NS)
        self._sampler = Sampler(self._maps, switch, self._pids, budget, Estimator(cost.window_ns))
        self._thread = threading.Thread(target=self._sample, name="mutex probe", daemon=True)
        self._thread.start()

    def _cpu_ns(self) -> int:
        return sum(process_cpu_ns(pid) for pid in self._pids)

    def _sample(self) -> None:
        assert self._sampler is not None
        try:
            self._sampler.run()
        except (LockwatchError, OSError) as error:
            self._failure = str(error)

    def stop(self) -> ProbeState:
        """Takes the probe off: the state that the report tells."""
        self._end_sampling()
        state = self.state()
        if self._switch is not None:
            self._switch.off()
        return state

    def _end_sampling(self) -> None:
        if self._sampler is not None and self._thread is not None:
            self._sampler.stop()
            self._thread.join()
            self._thread = None

    def close(self) -> None:
        """Removes what is in the kernel; takes a tenth of a second or more."""
        self._end_sampling()
        if self._sampler is not None:
            self._sampler.close()
            self._sampler = None
        if self._switch is not None:
            self._switch.close()
            self._switch = None
        self._maps.close()

    def state(self) -> ProbeState:
        """As of now."""
        if self._switch is None:
            return ProbeState("off", 0, 0, 0, self._failure)
        count = self._maps.count()
        state, reason = "on", "every acquisition is counted"
        if self._sampled:
            state, reason = "sampled", self._sampling_reason()
        if count.lost:
            reason += f"; {count.lost} acquisitions were not counted: too many mutexes"
        hits = count.hits - self._own_hits
        return ProbeState(state, hits, round(self._cost_ns), self._switch.on_ns, reason)

    @property
    def _sampled(self) -> bool:
        return self._sampler is not None and self._sampler.gaps > 0

    def _sampling_reason(self) -> str:
        windows = self._sampler.windows if self._sampler else 0
        share = f"{self._share * 100:g} %"
        return f"counting all would cost more than {share} of the target's CPU time: {windows} short windows"

    def acquisitions(self) -> dict[Lock, Acquisitions]:
        """By (pid, address of the mutex), as of now."""
        seen = {lock: count for lock, count in self._maps.acquisitions().items() if lock[0] in self._pids}
        unseen = self._sampler.estimates() if self._sampler is not None else {}
        return combine(seen, unseen, self._sampled)
