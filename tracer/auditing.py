"""What a trace could not keep, and what it cost: lockwatch, held to account."""

import os
import resource
import time
from pathlib import Path

from tracer.kernel.tracing import KernelTracing
from tracer.model.report import Health
from tracer.model.stacks import StackEnd
from tracer.resolving import STACK_ENDS, Resolver

NO_STATISTICS = "this kernel does not time BPF programs: what they cost is not known"


class Audit:
    """Made when the last hook is on."""

    def __init__(self) -> None:
        self._attach_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - _process_start_ns()

    def health(self, kernel: KernelTracing, resolver: Resolver, notes: tuple[str, ...]) -> Health:
        """The account of the trace so far; `notes`: what others could not see."""
        counters = kernel.counters()
        cost = kernel.cost()
        frames, unnamed = resolver.frame_counts()
        ends = dict(zip(STACK_ENDS, counters.ends, strict=True))
        incomplete = {str(end): n for end, n in ends.items() if n and end is not StackEnd.COMPLETE}
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return Health(
            waits_lost=counters.waits_lost,
            stacks_lost=counters.stacks_lost,
            events_lost=counters.events_lost,
            calls_lost=counters.calls_lost,
            runs_skipped=kernel.skipped_runs(),
            stacks=counters.stacks,
            stacks_complete=ends[StackEnd.COMPLETE],
            incomplete=incomplete | ({"unwind tables full": kernel.table_full} if kernel.table_full else {}),
            frames=frames,
            frames_unnamed=unnamed,
            futex_calls=counters.futex_calls,
            bpf_ns=cost[0] if cost else 0,
            bpf_runs=cost[1] if cost else 0,
            frontend_cpu_ns=round((usage.ru_utime + usage.ru_stime) * 1e9),
            frontend_rss_bytes=_resident_bytes(),
            attach_ns=self._attach_ns,
            notes=notes if cost else (*notes, NO_STATISTICS),
        )


def _process_start_ns() -> int:
    """When this process was started (exec keeps it), on CLOCK_BOOTTIME, to a clock tick: 10 ms."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    return int(fields[19]) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
