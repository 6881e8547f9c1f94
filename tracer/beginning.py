"""What a trace begins with: its targets found, and its programs compiling while all else gets ready."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import TYPE_CHECKING

from tracer.config import ProbeMode, TraceConfig
from tracer.kernel import compiler, environment
from tracer.kernel.capacity import enough_capacity, likely_capacity
from tracer.kernel.plan import Parts, Plan
from tracer.kernel.programs import Module, compile_plan
from tracer.process import find_process
from tracer.requests.likely import are_likely

if TYPE_CHECKING:
    from tracer.unwind.tables import Tables


class Beginning:
    """The targets, and the plan of what is compiled: known before anything large is imported or read.

    Raises LockwatchError where the machine or a target does not allow a trace. Its context ends when the
    compiler has: as long as that runs, its messages are caught on fd 2, and everybody else's with them.
    """

    def __init__(self, config: TraceConfig) -> None:
        environment.require_privileges()
        environment.require_tracefs()
        self.processes = [find_process(pid) for pid in dict.fromkeys(config.pids)]
        self._pids = [process.pid for process in self.processes]
        self.plan = self._plan(config)
        compiler.bcc()  # needs the interpreter, for which the compiler's thread would have to wait
        pool = ThreadPoolExecutor(1)
        self._compiling: Future[Module] = pool.submit(compile_plan, self.plan)
        pool.shutdown(wait=False)

    def _plan(self, config: TraceConfig) -> Plan:
        requests = are_likely(config.requests, self._pids)
        return Plan(
            parts=Parts(
                sched=config.sched and requests,
                requests=requests,
                objects=True,
                probe=config.mutex_probe is not ProbeMode.OFF,
            ),
            capacity=likely_capacity(self._pids),
            targets=tuple(self._pids),
            threshold_ns=config.threshold_ns,
            each_release=config.each_release,
            spares_idle_stacks=bool(config.spared_kinds),
        )

    def __enter__(self) -> Beginning:
        return self

    def __exit__(self, *error: object) -> None:
        wait([self._compiling])

    def module(self, tables: Tables) -> Module:
        """The compiled programs, with room for the tables. Raises MachineError."""
        module = self._compiling.result()
        if self.plan.capacity.holds(tables, self._pids):
            return module
        module.close()
        return compile_plan(replace(self.plan, capacity=enough_capacity(tables, self._pids)))
