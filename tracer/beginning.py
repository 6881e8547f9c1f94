"""What a trace begins with: its targets found, and its programs compiling while all else gets ready."""

from concurrent.futures import Future, ThreadPoolExecutor, wait

from tracer.config import ProbeMode, TraceConfig
from tracer.kernel import environment, programs
from tracer.kernel.capacity import Capacity, enough_capacity, likely_capacity
from tracer.kernel.tracing import KernelTracing
from tracer.process import find_process
from tracer.requests.choice import daemon_sites
from tracer.symbols.symbolizer import Symbolizer
from tracer.unwind.tables import Tables


class Beginning:
    """`processes`, `symbolizer` with their files open, and `sites`: where their requests are seen.

    Raises LockwatchError where the machine or a target does not allow a trace. Its context ends when the
    compiler has: as long as that runs, its messages are caught on fd 2, and everybody else's with them.
    """

    def __init__(self, config: TraceConfig) -> None:
        environment.require_privileges()
        self.processes = [find_process(pid) for pid in dict.fromkeys(config.pids)]
        self.symbolizer = Symbolizer()
        for process in self.processes:
            self.symbolizer.watch(process.pid)
        self.sites = daemon_sites(config.requests, self.processes, self.symbolizer)
        self._config = config
        self._parts = programs.Parts(
            sched=config.sched and bool(self.sites),
            requests=bool(self.sites),
            objects=True,
            probe=config.mutex_probe is not ProbeMode.OFF,
        )
        self._pids = [process.pid for process in self.processes]
        self._compiling = self._start(likely_capacity(self._pids))

    def __enter__(self) -> "Beginning":
        return self

    def __exit__(self, *error: object) -> None:
        wait([self._compiling])

    def _start(self, capacity: Capacity) -> Future[KernelTracing]:
        """What needs the interpreter is done before: the compiler's thread would have to wait for it."""
        kernel = self._new_kernel(capacity)
        pool = ThreadPoolExecutor(1)
        compiling = pool.submit(kernel.compile)
        pool.shutdown(wait=False)
        return compiling

    def _new_kernel(self, capacity: Capacity) -> KernelTracing:
        return KernelTracing(capacity, len(self._pids), self._config, self._parts)

    def kernel(self, tables: Tables) -> KernelTracing:
        """The compiled programs, with room for the tables. Raises MachineError."""
        kernel = self._compiling.result()
        if kernel.capacity.holds(tables, self._pids):
            return kernel
        kernel.close()
        return self._new_kernel(enough_capacity(tables, self._pids)).compile()
