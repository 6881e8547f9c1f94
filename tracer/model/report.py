"""What a trace found: the one thing that every view is made from. Its JSON form is `lockwatch.report/1`."""

from dataclasses import dataclass, field

from tracer.model.kinds import Kind
from tracer.model.locks import Lock, Thread
from tracer.model.requests import RequestTotal
from tracer.model.stacks import Stack
from tracer.model.waits import Blocked, LockTotal, ReleaseSum, WaitSum


@dataclass(frozen=True, slots=True)
class Target:
    """A traced process."""

    pid: int
    comm: str
    exe: str


@dataclass(frozen=True, slots=True)
class ProbeState:
    """The pthread_mutex_lock probe: "on", "sampled" or "off", and why."""

    state: str
    hits: int
    cost_ns_per_hit: int
    on_ns: int
    reason: str


@dataclass(frozen=True, slots=True)
class Health:
    """What the trace could not keep, and what it cost."""

    waits_lost: int = 0
    stacks_lost: int = 0
    events_lost: int = 0
    calls_lost: int = 0
    runs_skipped: int = 0
    stacks: int = 0
    stacks_complete: int = 0
    incomplete: dict[str, int] = field(default_factory=dict)
    frames: int = 0
    frames_unnamed: int = 0
    futex_calls: int = 0
    bpf_ns: int = 0
    bpf_runs: int = 0
    frontend_cpu_ns: int = 0
    frontend_rss_bytes: int = 0
    attach_ns: int = 0
    notes: tuple[str, ...] = ()

    @property
    def lost(self) -> int:
        events = self.events_lost + self.calls_lost
        return self.waits_lost + self.stacks_lost + events + self.runs_skipped


@dataclass(frozen=True, slots=True)
class TraceInfo:
    """What was traced, when and how. `started` is ISO 8601 local time with its offset from UTC."""

    version: str
    targets: tuple[Target, ...]
    started: str
    duration_ns: int
    threshold_ns: int
    hook: str
    mutex_probe: ProbeState | None = None
    end_reason: str = ""


@dataclass(frozen=True, slots=True)
class CallSite:
    """Waits at or above the threshold for one lock from one stack."""

    lock: Lock
    kind: Kind
    stack: Stack
    waits: int
    wait_ns: int
    max_wait_ns: int


@dataclass(frozen=True, slots=True)
class ThreadTotal:
    """Contention at or above the threshold of one thread."""

    thread: Thread
    waits: int
    wait_ns: int


@dataclass(frozen=True, slots=True)
class Report:
    """`locks` is whole, by total wait; `call_sites`, `release_sites`, `threads` and `waits` pass the filters.

    `waits` holds the sums that `call_sites` and `threads` are folded from, apart by thread and request.
    """

    info: TraceInfo
    locks: tuple[LockTotal, ...] = ()
    call_sites: tuple[CallSite, ...] = ()
    release_sites: tuple[ReleaseSum, ...] = ()
    threads: tuple[ThreadTotal, ...] = ()
    waiting: tuple[Blocked, ...] = ()
    deadlocks: tuple[tuple[Blocked, ...], ...] = ()
    requests: tuple[RequestTotal, ...] | None = None
    verdict: tuple[str, ...] = ()
    health: Health = Health()
    waits: tuple[WaitSum, ...] = ()
