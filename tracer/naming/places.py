"""Places that a lock can lie in when no symbol covers it: a file, shared memory, a thread's stack."""

import time
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from tracer.errors import LockwatchError
from tracer.naming.reading import Reader
from tracer.naming.thread_locals import ThreadLocal, ThreadLocals
from tracer.naming.threads import PTHREAD_SIZE, ThreadRecord, ThreadRecords
from tracer.process import Mapping, Process, read_mappings, thread_ids, thread_name
from tracer.symbols.module import Module

READ_AGAIN_NS = 200_000_000
"""Mappings and threads are read anew for an unknown address, but not more often than this."""

SHARED_MEMORY = ("/dev/zero", "/SYSV", "/anon_hugepage")


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread of the target by its tid in our pid namespace; `record` is where its struct pthread lies."""

    tid: int
    name: str
    record: int

    def __str__(self) -> str:
        return f"{self.name}/{self.tid}"


class Mappings:
    """The mappings of one process; those last seen, when it is gone."""

    def __init__(self, pid: int, read: Callable[[int], tuple[Mapping, ...]] = read_mappings) -> None:
        self._pid = pid
        self._read = read
        self._mappings: tuple[Mapping, ...] = ()
        self._starts: list[int] = []
        self._read_at = 0
        self.refresh()

    def refresh(self) -> None:
        self._read_at = time.monotonic_ns()
        try:
            self._mappings = self._read(self._pid)
        except LockwatchError:
            return
        self._starts = [mapping.start for mapping in self._mappings]

    @property
    def all(self) -> tuple[Mapping, ...]:
        """By address, as last read."""
        return self._mappings

    def find(self, address: int) -> Mapping | None:
        found = self._find(address)
        if found is None and time.monotonic_ns() - self._read_at > READ_AGAIN_NS:
            self.refresh()
            found = self._find(address)
        return found

    def is_code(self, address: int) -> bool:
        """Executable, as of the last reading."""
        found = self._find(address)
        return found is not None and found.executable

    def _find(self, address: int) -> Mapping | None:
        index = bisect_right(self._starts, address) - 1
        if index < 0 or address >= self._mappings[index].end:
            return None
        return self._mappings[index]


def is_file(mapping: Mapping) -> bool:
    """Backed by a file, or by shared memory: its place in there is the same for all that map it."""
    return mapping.path.startswith(("/", "memfd:")) or mapping.path.startswith("anon_inode")


def in_file(mapping: Mapping, address: int) -> str:
    """`/dev/shm/state+0x40`; memory that is shared without a name is called shared memory."""
    offset = address - mapping.start + mapping.offset
    path = "shared memory" if mapping.path.startswith(SHARED_MEMORY) else mapping.path
    return f"{path}+{offset:#x}"


class Stacks:
    """Which thread's stack, struct pthread or thread-local variables an address lies in. `modules` gives the
    process's files by their bias."""

    def __init__(
        self,
        process: Process,
        memory: Reader,
        loader_data: Callable[[], int | None],
        modules: Callable[[], dict[int, Module]],
    ) -> None:
        self._process = process
        self._memory = memory
        self._loader_data = loader_data
        self._modules = modules
        self._records: ThreadRecords | None = None
        self._variables: ThreadLocals | None = None
        self._tids: dict[int, int] = {}
        self._read_at = 0

    def thread(self, mapping: Mapping, address: int) -> Thread | None:
        """None where the address is on no stack, or the thread is gone."""
        pid = self._process.pid
        if mapping.path == "[stack]":
            return Thread(pid, thread_name(pid, pid) or self._process.comm, 0)
        if mapping.path and not mapping.path.startswith("[anon:"):
            return None
        self._refresh()
        record = self._records.around(address) if self._records is not None else None
        return self._living(record) if record is not None else None

    def variable(self, address: int) -> tuple[Thread, ThreadLocal] | None:
        """The thread-local variable at an address; None where the thread is gone, too."""
        self._refresh()
        found = self._variables.find(address) if self._variables is not None else None
        thread = self._living(found.record) if found is not None else None
        return (thread, found) if thread is not None and found is not None else None

    def _living(self, record: ThreadRecord) -> Thread | None:
        tid = self._tids.get(record.tid)
        name = thread_name(self._process.pid, tid) if tid is not None else None
        return Thread(tid, name, record.address) if tid is not None and name is not None else None

    def _refresh(self) -> None:
        now = time.monotonic_ns()
        if self._records is not None and now - self._read_at < READ_AGAIN_NS:
            return
        place = self._loader_data()
        if place is None:
            return
        self._read_at = now
        self._records = ThreadRecords(self._memory, place)
        self._variables = ThreadLocals(self._memory, place, self._records, self._modules())
        self._tids = _own_tids(self._process)


def inside_record(thread: Thread, address: int) -> bool:
    """The lock is glibc's own, in the thread's struct pthread."""
    return thread.record <= address < thread.record + PTHREAD_SIZE


def _own_tids(process: Process) -> dict[int, int]:
    """The tids that the process itself knows its threads by, to ours."""
    tids = thread_ids(process.pid)
    if not process.other_namespace:
        return {tid: tid for tid in tids}
    return {own: tid for tid in tids if (own := _innermost_tid(process.pid, tid)) is not None}


def _innermost_tid(pid: int, tid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/task/{tid}/status") as status:  # noqa: PTH123
            line = next((line for line in status if line.startswith("NSpid:")), "")
        return int(line.split()[-1]) if line else None
    except (OSError, ValueError):
        return None
