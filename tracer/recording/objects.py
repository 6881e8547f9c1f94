"""What the events of a recording refer to, by row id."""

import sqlite3
from functools import cached_property
from typing import Any

from tracer.model.kinds import Kind, Outcome, ReleaseKind
from tracer.model.locks import Lock, Owner, Thread
from tracer.model.stacks import Frame, Stack, StackEnd
from tracer.recording.schema import unsigned


class Objects:
    """Each table is read when it is first needed. Damage shows as KeyError, ValueError or sqlite3.Error."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    @cached_property
    def kinds(self) -> dict[int, Kind]:
        return {number: Kind(name) for number, name, _ in self._table("kind")}

    @cached_property
    def outcomes(self) -> dict[int, Outcome]:
        known = {
            str(outcome): outcome for outcome in Outcome
        }  # a recording may list more than its waits have
        return {number: known[name] for number, name in self._table("outcome") if name in known}

    @cached_property
    def release_kinds(self) -> dict[int, ReleaseKind]:
        return {number: ReleaseKind(name) for number, name in self._table("release_kind")}

    @cached_property
    def threads(self) -> dict[int, Thread]:
        return {row: Thread(pid, tid, name) for row, pid, tid, name in self._table("thread")}

    @cached_property
    def requests(self) -> dict[int | None, str | None]:
        """With None for None: no request."""
        return {None: None, **dict(self._table("request"))}

    @cached_property
    def locks(self) -> dict[int, Lock]:
        return {
            row: Lock(pid, unsigned(address), self.kinds[kind], name, identity, class_name)
            for row, pid, address, kind, name, identity, class_name in self._table("lock")
        }

    @cached_property
    def build_ids(self) -> dict[str, str | None]:
        """By a module's path."""
        return {path: build_id for _, path, build_id in self._table("module")}

    @cached_property
    def stacks(self) -> dict[int, Stack]:
        frames: dict[int, list[Frame]] = {row: [] for row, _ in self._table("stack")}
        for stack, _, frame in self._table("stack_frame"):
            frames[stack].append(self._frames[frame])
        return {row: Stack(tuple(frames[row]), StackEnd(end)) for row, end in self._table("stack")}

    @cached_property
    def _frames(self) -> dict[int, Frame]:
        modules = {row: path for row, path, _ in self._table("module")}
        return {
            row: Frame(function, modules[module], unsigned(offset), unsigned(address), file, line)
            for row, module, offset, address, function, file, line in self._table("frame")
        }

    def owner(self, thread: int | None, confirmed: int) -> Owner | None:
        if thread is None:
            return None
        found = self.threads[thread]
        return Owner(found.tid, found.name, bool(confirmed))

    def _table(self, name: str) -> list[tuple[Any, ...]]:
        # stack_frame has its primary key's order: depth by depth.
        return self._database.execute(f"SELECT * FROM {name}").fetchall()
