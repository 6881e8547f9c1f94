"""Row ids of what events refer to: each thing is written once, before the first event that needs it."""

from collections.abc import Callable

from tracer.model.kinds import Kind, Outcome, ReleaseKind
from tracer.model.locks import Lock, Owner, Thread
from tracer.model.stacks import Frame, Stack
from tracer.recording.pending import Pending
from tracer.recording.schema import signed, storable

KIND_IDS = {kind: position for position, kind in enumerate(Kind)}
OUTCOME_IDS = {outcome: position for position, outcome in enumerate(Outcome)}
RELEASE_IDS = {what: position for position, what in enumerate(ReleaseKind)}
# Stacks are recognised by identity first: hashing the frames of a deep one takes microseconds.
REMEMBERED_STACKS = 4096

BuildId = Callable[[str], str | None]


class Interner:
    """Gives ids to threads, locks, stacks and requests, and queues the rows of new or changed ones."""

    def __init__(self, pending: Pending, build_id: BuildId) -> None:
        self._pending = pending
        self._build_id = build_id
        self._threads: dict[tuple[int, int], tuple[int, str]] = {}
        self._locks: dict[tuple[int, int, Kind], tuple[int, Lock]] = {}
        self._requests: dict[str, int] = {}
        self._stacks: dict[Stack, int] = {}
        self._same_stacks: dict[int, tuple[Stack, int]] = {}
        self._frames: dict[Frame, int] = {}
        self._modules: dict[str, int] = {}

    def thread(self, pid: int, tid: int, name: str) -> int:
        """A thread under the last name it was seen with."""
        known = self._threads.get((pid, tid))
        if known is None:
            known = len(self._threads) + 1, name
            self._pending.insert("thread", (known[0], pid, tid, storable(name)))
        elif known[1] != name:
            known = known[0], name
            self._pending.update("UPDATE thread SET name = ? WHERE id = ?", (storable(name), known[0]))
        self._threads[pid, tid] = known
        return known[0]

    def waiter(self, thread: Thread) -> int:
        return self.thread(thread.pid, thread.tid, thread.name)

    def owner(self, pid: int, owner: Owner | None) -> int | None:
        return None if owner is None else self.thread(pid, owner.tid, owner.thread)

    def lock(self, lock: Lock) -> int:
        """A lock under the last name it was given: a trace learns better names as it goes."""
        key = lock.pid, lock.address, lock.kind
        known = self._locks.get(key)
        if known is None:
            known = len(self._locks) + 1, lock
            where = known[0], lock.pid, signed(lock.address), KIND_IDS[lock.kind]
            self._pending.insert("lock", (*where, *_names(lock)))
        elif known[1] is not lock and known[1] != lock:
            known = known[0], lock
            update = "UPDATE lock SET name = ?, identity = ?, class = ? WHERE id = ?"
            self._pending.update(update, (*_names(lock), known[0]))
        self._locks[key] = known
        return known[0]

    def request(self, name: str | None) -> int | None:
        if name is None:
            return None
        known = self._requests.get(name)
        if known is None:
            known = self._requests[name] = len(self._requests) + 1
            self._pending.insert("request", (known, storable(name)))
        return known

    def stack(self, stack: Stack) -> int:
        same = self._same_stacks.get(id(stack))
        if same is not None:
            return same[1]
        known = self._stacks.get(stack)
        if known is None:
            known = self._stacks[stack] = len(self._stacks) + 1
            self._pending.insert("stack", (known, str(stack.end)))
            for depth, frame in enumerate(stack.frames):
                self._pending.insert("stack_frame", (known, depth, self._frame(frame)))
        if len(self._same_stacks) >= REMEMBERED_STACKS:
            self._same_stacks.clear()
        # Holding the stack keeps its id from being given to another object.
        self._same_stacks[id(stack)] = stack, known
        return known

    def _frame(self, frame: Frame) -> int:
        known = self._frames.get(frame)
        if known is None:
            known = self._frames[frame] = len(self._frames) + 1
            place = self._module(frame.module), signed(frame.offset), signed(frame.address)
            names = _optional(frame.function), _optional(frame.file), frame.line
            self._pending.insert("frame", (known, *place, *names))
        return known

    def _module(self, path: str) -> int:
        known = self._modules.get(path)
        if known is None:
            known = self._modules[path] = len(self._modules) + 1
            self._pending.insert("module", (known, storable(path), self._build_id(path)))
        return known


def _names(lock: Lock) -> tuple[str, str, str | None]:
    return storable(lock.name), storable(lock.identity), _optional(lock.class_name)


def _optional(text: str | None) -> str | None:
    return None if text is None else storable(text)
