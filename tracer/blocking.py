"""Waits that have not ended: those seen to begin, and those that were there before the trace."""

import time
from collections.abc import Iterable, Mapping

from tracer.blocked import BlockedThread, blocked_threads
from tracer.errors import TargetError
from tracer.kernel import records as raw
from tracer.kernel.tracing import KernelTracing
from tracer.memory import Memory
from tracer.model.kinds import Kind
from tracer.model.locks import Owner
from tracer.model.waits import Blocked
from tracer.process import Process
from tracer.resolving import NOT_SOUGHT, Resolver, Site, Way
from tracer.symbols.symbolizer import Symbolizer
from tracer.unwind.memory import unwind_memory
from tracer.unwind.tables import Tables

TID_MASK = 0x3FFFFFFF
# Where a lock names its owner, from the base of the object (glibc): mutex `__owner`, rwlock `__cur_writer`.
OWNER_OFFSETS = {Kind.MUTEX: 8, Kind.RWLOCK: 24, Kind.PI_MUTEX: 0}


class BlockedFinder:
    """Makes Blocked of the kernel's thread states. Their stacks do not move: each is read once."""

    def __init__(self, resolver: Resolver, symbolizer: Symbolizer, tables: Tables) -> None:
        self._resolver = resolver
        self._symbolizer = symbolizer
        self._tables = tables
        self._memories: dict[int, Memory] = {}
        self._seen: dict[tuple[int, int], tuple[Site, Blocked]] = {}  # by tid and the sleep's start

    def find(self, states: Mapping[int, raw.ThreadState], now_ns: int, least_ns: int) -> list[Blocked]:
        """The waits that have lasted `least_ns` or more by now, longest first."""
        found = [
            self._blocked(tid, state, now_ns)
            for tid, state in states.items()
            if state.phase == raw.PHASE_ASLEEP and now_ns - state.started >= least_ns
            if self._readable(state.pid)
        ]
        return sorted(found, key=lambda blocked: blocked.started_ns)

    def forget_ended(self, states: Mapping[int, raw.ThreadState]) -> None:
        """Drops what was remembered of waits that are over."""
        asleep = {(tid, state.slept) for tid, state in states.items() if state.phase == raw.PHASE_ASLEEP}
        self._seen = {key: seen for key, seen in self._seen.items() if key in asleep}

    def _blocked(self, tid: int, state: raw.ThreadState, now_ns: int) -> Blocked:
        key = (tid, state.slept)
        if key not in self._seen:
            self._seen[key] = self._read(tid, state)
        site, known = self._seen[key]
        return Blocked(
            thread=known.thread,
            lock=known.lock,
            kind=known.kind,
            started_ns=state.started,
            waited_ns=now_ns - state.started,
            before_attach=known.before_attach,
            owner=self._owner(state, site),
            stack=known.stack,
            request=known.request,
        )

    def _read(self, tid: int, state: raw.ThreadState) -> tuple[Site, Blocked]:
        pcs, end = unwind_memory(
            self._tables, self._memory(state.pid), state.pid, state.ip, state.sp, state.bp or None
        )
        stack = self._symbolizer.stack(state.pid, pcs, end)
        value = raw.way_of_waiting(state.operation, state.value)
        site = self._resolver.classify(Way(state.pid, state.word, state.ip, state.operation, value), stack)
        self._resolver.look_around(state.pid, state.word, site)
        lock = self._resolver.lock(state.pid, site, state.object, stack)
        thread = self._resolver.threads[state.pid].thread(tid)
        before = bool(state.flags & raw.WAIT_BEFORE_ATTACH)
        request = self._resolver.request_name(state.pid, state.request, stack)
        return site, Blocked(thread, lock, site.kind, state.started, 0, before, None, stack, request)

    def _owner(self, state: raw.ThreadState, site: Site) -> Owner | None:
        """The owner as the lock names it now."""
        offset = OWNER_OFFSETS.get(site.kind.of_lock)
        word = self._memory(state.pid).u32(site.base + offset) if offset is not None else None
        own_id = (word or 0) & TID_MASK
        return self._resolver.owner(state.pid, own_id, False)

    def _readable(self, pid: int) -> bool:
        """False for a process that has just ended: nothing of it waits."""
        try:
            self._memory(pid)
        except TargetError:
            return False
        return True

    def _memory(self, pid: int) -> Memory:
        if pid not in self._memories:
            self._memories[pid] = Memory(pid)
        return self._memories[pid]


def begin_blocked(kernel: KernelTracing, processes: Iterable[Process]) -> None:
    """Enters the waits of threads that slept before the hooks were on, so that their end is seen.

    Each is looked at again afterwards: one that woke in between was no longer waiting when it was entered.
    """
    for process in processes:
        before = {thread.tid: thread for thread in blocked_threads(process.pid)}
        now = time.monotonic_ns()
        for tid, thread in before.items():
            kernel.begin(tid, _state(process.pid, thread, now))
        after = {thread.tid: thread for thread in blocked_threads(process.pid)}
        for tid in (tid for tid, thread in before.items() if after.get(tid) != thread):
            state = kernel.thread(tid)
            if state is not None and state.slept == now:
                kernel.forget(tid)


def _state(pid: int, thread: BlockedThread, now_ns: int) -> raw.ThreadState:
    fields = dict.fromkeys(raw.ThreadState._fields, 0)
    fields |= {
        "word": thread.word,
        "started": now_ns,
        "slept": now_ns,
        "ip": thread.ip,
        "sp": thread.sp,
        "pid": pid,
        "operation": thread.operation,
        "value": thread.value,
        "object": NOT_SOUGHT,
        "phase": raw.PHASE_ASLEEP,
        "flags": raw.WAIT_BEFORE_ATTACH,
    }
    return raw.ThreadState(**fields)
