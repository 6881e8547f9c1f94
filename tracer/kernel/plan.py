"""What a module is to be compiled for, and the definitions that say so to the compiler."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

from tracer.kernel import btf, syscalls
from tracer.kernel.capacity import Capacity

EVENT_PAGES = 2048  # 8 MiB: two seconds of 20,000 long waits a second with their releases
ENTRIES = 1 << 16
STACKS = 1 << 15  # each costs the frontend about 3 kB
WAKES = 1 << 14  # pairs of word and waker: the least recent make room
IDLE_STACKS = 1 << 12  # the least recent make room
ROW_STEP = 128  # the search's first: a block of 256 bytes has at most one row a byte, and one before it
ACQUISITIONS_CAPACITY = 1 << 17
WINDOW_CAPACITY = 1 << 14
INITIAL_PID_NAMESPACE = 4026531836  # inode: PROC_PID_INIT_INO of the kernel


@dataclass(frozen=True, slots=True)
class Parts:
    """Which optional parts the module has, each with its own definitions."""

    sched: bool = False
    requests: bool = False
    objects: bool = False
    probe: bool = False

    @property
    def chosen(self) -> tuple[str, ...]:
        """Their names, each after those that it uses."""
        return tuple(name for name, has in asdict(self).items() if has)


@dataclass(frozen=True, slots=True)
class Plan:
    """`targets`: the pids that are traced. `each_release`: see TraceConfig. `spares_idle_stacks`: those that
    the kernel side is told of need not be taken."""

    parts: Parts = Parts()
    capacity: Capacity = field(default_factory=Capacity)
    targets: tuple[int, ...] = (0,)
    threshold_ns: int = 1_000_000
    each_release: bool = False
    spares_idle_stacks: bool = False

    @property
    def areas(self) -> int:
        """Two for each target: one is in use while the other is written."""
        return 2 * len(self.targets)

    @property
    def places(self) -> int:
        """A number that leaves another remainder of each pid: for one, 1; for a thousand, some 100,000."""
        number = len(self.targets)
        while len({pid % number for pid in self.targets}) < len(self.targets):
            number += number // 4 + 1
        return number

    def definitions(self) -> dict[str, int]:
        """Numbers by the names that they have in the BPF text."""
        return {
            **{f"WITH_{name.upper()}": 1 for name in self.parts.chosen},
            "EVENT_PAGES": EVENT_PAGES,
            "THREADS_CAPACITY": ENTRIES,
            "WAITS_CAPACITY": ENTRIES,
            "STACKS_CAPACITY": STACKS,
            "WAKES_CAPACITY": WAKES,
            "IDLE_STACKS_CAPACITY": IDLE_STACKS,
            "ROWS_CAPACITY": self.capacity.rows,
            "BLOCKS_CAPACITY": self.capacity.blocks,
            "MAPPINGS_CAPACITY": self.capacity.mappings * self.areas,
            "MAPPING_STEP": self.capacity.mappings // 2,
            "ROW_STEP": ROW_STEP,
            "TARGET_PLACES": self.places,
            "TARGET_AREAS": self.areas,
            "ACQUISITIONS_CAPACITY": ACQUISITIONS_CAPACITY,
            "WINDOW_CAPACITY": WINDOW_CAPACITY,
            "CPUS": syscalls.possible_cpus(),
            "THRESHOLD_NS": self.threshold_ns,
            "EACH_RELEASE": int(self.each_release),
            "SPARES_IDLE_STACKS": int(self.spares_idle_stacks),
            **_of_this_machine(),
        }


def _of_this_machine() -> dict[str, int]:
    definitions = {}
    offset = btf.run_delay_offset()
    if offset is not None:
        definitions["TASK_RUN_DELAY"] = offset
    namespace = Path("/proc/self/ns/pid").stat()
    if namespace.st_ino != INITIAL_PID_NAMESPACE:
        definitions |= {"FRONTEND_NS_DEVICE": namespace.st_dev, "FRONTEND_NS_INODE": namespace.st_ino}
    return definitions
