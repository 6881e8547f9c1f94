"""What a trace is asked to do."""

from dataclasses import dataclass, field
from enum import Enum

from tracer.model.kinds import IDLE_KINDS, Kind
from tracer.options import Filters, GroupBy

AUTO, OFF, LIBVIRT = "auto", "off", "libvirt"
"""What `--requests` may say instead of a pattern of function names."""


class ProbeMode(str, Enum):
    """When pthread_mutex_lock is probed."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class TraceConfig:
    """`duration_ns` None: until it is stopped or the targets end. `requests`: "auto", "off", "libvirt" or a
    pattern of function names. `overhead_budget` is a share of the target's CPU time. `each_release`: long
    releases come as events, as a recording needs them, rather than summed."""

    pids: tuple[int, ...]
    threshold_ns: int = 1_000_000
    duration_ns: int | None = None
    filters: Filters = field(default_factory=Filters)
    mutex_probe: ProbeMode = ProbeMode.AUTO
    overhead_budget: float = 0.02
    requests: str = "auto"
    sched: bool = False
    object_names: bool = True
    each_release: bool = False

    @property
    def spared_kinds(self) -> frozenset[Kind]:
        """Idle kinds whose single waits, and their stacks, nothing of this trace shows."""
        by_waits = self.filters.group_by in (GroupBy.SITE, GroupBy.THREAD)
        if self.each_release or by_waits or self.requests not in (AUTO, OFF, LIBVIRT):
            return frozenset()
        return IDLE_KINDS - self.filters.kinds
