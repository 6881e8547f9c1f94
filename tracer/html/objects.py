"""The numbers by which a page's data refers to threads, locks, stacks and requests."""

from collections.abc import Hashable, Iterable
from typing import Any, Generic, TypeVar

from tracer.model.kinds import Kind, Outcome, ReleaseKind
from tracer.model.locks import Lock, Owner, Thread
from tracer.model.stacks import Frame, Stack
from tracer.output.names import without_surrogates
from tracer.recording import Recording

Item = TypeVar("Item", bound=Hashable)


class Numbered(Generic[Item]):
    """Items in the order in which they were first asked for."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        self._numbers: dict[Item, int] = {}
        for item in items:
            self.number(item)

    def number(self, item: Item) -> int:
        return self._numbers.setdefault(item, len(self._numbers))

    @property
    def items(self) -> list[Item]:
        return list(self._numbers)


class Numbers:
    """Numbers for what a recording holds; what is new is numbered when it is met. -1 stands for nothing."""

    def __init__(self, recording: Recording) -> None:
        self._objects = recording.objects
        self._threads = Numbered(self._objects.threads.values())
        self._locks = Numbered(self._objects.locks.values())
        self._requests = Numbered(name for name in self._objects.requests.values() if name is not None)
        self._stacks: list[Stack] = []
        self._stack_numbers: dict[int, int] = {}
        self._kinds = Numbered(Kind)
        self._outcomes = Numbered(Outcome)
        self._release_kinds = Numbered(ReleaseKind)

    def thread(self, thread: Thread) -> int:
        return self._threads.number(thread)

    def lock(self, lock: Lock) -> int:
        return self._locks.number(lock)

    def stack(self, stack: Stack) -> int:
        """By the very object: a stack of many frames is slow to compare, and a recording has each once."""
        number = self._stack_numbers.get(id(stack))
        if number is None:
            number = self._stack_numbers[id(stack)] = len(self._stacks)
            self._stacks.append(stack)
        return number

    def kind(self, kind: Kind) -> int:
        return self._kinds.number(kind)

    def outcome(self, outcome: Outcome) -> int:
        return self._outcomes.number(outcome)

    def release_kind(self, what: ReleaseKind) -> int:
        return self._release_kinds.number(what)

    def request(self, name: str | None) -> int:
        return -1 if name is None else self._requests.number(name)

    def owner(self, pid: int, owner: Owner | None) -> int:
        return -1 if owner is None else self.thread(Thread(pid, owner.tid, owner.thread))

    def converters(self) -> tuple[dict[Any, int] | None, ...]:
        """How each column of a recorded wait turns into a number here; None: as it is."""
        objects = self._objects
        threads = {row: self.thread(thread) for row, thread in objects.threads.items()}
        owners: dict[Any, int] = {None: -1, **threads}
        locks = {row: self.lock(lock) for row, lock in objects.locks.items()}
        kinds = {row: self.kind(kind) for row, kind in objects.kinds.items()}
        outcomes = {row: self.outcome(outcome) for row, outcome in objects.outcomes.items()}
        stacks = {row: self.stack(stack) for row, stack in objects.stacks.items()}
        requests = {row: self.request(name) for row, name in objects.requests.items()}
        return (None, None, threads, locks, kinds, outcomes, None, stacks, owners, None, requests, requests)

    def tables(self) -> dict[str, Any]:
        """What the numbers stand for. To be asked for last."""
        frames: Numbered[Frame] = Numbered()
        stacks = [[frames.number(frame) for frame in stack.frames] for stack in self._stacks]
        threads, locks = self._threads.items, self._locks.items
        return {
            "threads": {
                "pid": [thread.pid for thread in threads],
                "tid": [thread.tid for thread in threads],
                "name": [thread.name for thread in threads],
            },
            "locks": {
                "pid": [lock.pid for lock in locks],
                "address": [f"{lock.address:#x}" for lock in locks],
                "name": [lock.name for lock in locks],
                "class": [lock.class_name for lock in locks],
                "kind": [self.kind(lock.kind) for lock in locks],
                "identity": [lock.identity for lock in locks],
            },
            "requests": self._requests.items,
            "stacks": {"frames": stacks, "end": [str(stack.end) for stack in self._stacks]},
            "frames": {
                "label": [frame.label for frame in frames.items],
                "module": [frame.module for frame in frames.items],
                "place": [_place(frame) for frame in frames.items],
            },
        }


def _place(frame: Frame) -> str:
    """`file.c:12`, or nothing."""
    if frame.file is None:
        return ""
    return without_surrogates(f"{frame.file}:{frame.line}" if frame.line else frame.file)
