"""A library whose functions sleep on futexes: which of them belong to which primitive."""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Protocol

from tracer.locks.code import branch_targets
from tracer.locks.layout import Layout, read_layout
from tracer.locks.primitives import Primitive
from tracer.symbols.exports import Export
from tracer.symbols.module import Module

FURTHEST = 2
"""Calls away from an exported function in which an inner one is still its own."""

LARGEST_FUNCTION = 1 << 14
"""Bytes of a function that are read."""


class FunctionRanges(Protocol):
    """Where functions begin and end, by their unwind entries."""

    def function(self, pid: int, pc: int) -> tuple[int, int] | None:
        """Run-time start and end of the function around `pc`."""


class Library:
    """The file of a library, which process `pid` has mapped with `bias`; `by_name` tells the primitives of
    its exported functions."""

    def __init__(
        self,
        pid: int,
        module: Module,
        bias: int,
        ranges: FunctionRanges,
        by_name: Callable[[str], Primitive | None],
    ) -> None:
        self._pid = pid
        self._module = module
        self._bias = bias
        self._ranges = ranges
        self._by_name = by_name
        self._targets: dict[int, frozenset[int]] = {}

    def primitive(self, function: str | None, address: int) -> Primitive | None:
        """Of the function around the file's own `address`: by its name, or where it has none, by the exported
        functions that call or jump to it, if they all agree."""
        if function is not None:
            return self._by_name(function)
        found = self._function(address)
        owners = self._inner.get(found[0], set()) if found is not None else set[Primitive]()
        return next(iter(owners)) if len(owners) == 1 else None

    @cached_property
    def layout(self) -> Layout:
        return read_layout(self._module)

    @cached_property
    def _inner(self) -> dict[int, set[Primitive]]:
        """The primitives that reach each function which is not exported, by its own address."""
        exported = {export.address: export for export in self._module.exports if export.is_code}
        reached: dict[int, set[Primitive]] = {}
        for export in exported.values():
            primitive = self._by_name(export.name)
            if primitive is None or primitive is Primitive.SYSCALL:
                continue
            for start in self._reached_from(export, exported):
                reached.setdefault(start, set()).add(primitive)
        return reached

    def _reached_from(self, export: Export, exported: dict[int, Export]) -> set[int]:
        """Starts of the inner functions that an exported one branches to, directly or through another."""
        seen: set[int] = set()
        edge = {export.address}
        for _ in range(FURTHEST):
            edge = {target for start in edge for target in self._branches(start)} - exported.keys() - seen
            seen |= edge
        return seen

    def _branches(self, start: int) -> Iterator[int]:
        """Starts of the other functions that the one at `start` calls or jumps to."""
        found = self._targets.get(start)
        if found is None:
            found = self._targets[start] = frozenset(self._read_branches(start))
        return iter(found)

    def _read_branches(self, start: int) -> Iterator[int]:
        own = self._function(start)
        if own is None:
            return
        code = self._module.read(own[0], min(own[1] - own[0], LARGEST_FUNCTION))
        for target in branch_targets(code, own[0]):
            if not own[0] <= target < own[1]:
                other = self._function(target)
                if other is not None:
                    yield other[0]

    def _function(self, address: int) -> tuple[int, int] | None:
        """The file's own start and end of the function around its own `address`."""
        found = self._ranges.function(self._pid, address + self._bias)
        return (found[0] - self._bias, found[1] - self._bias) if found is not None else None


def is_c_library(module: Module) -> bool:
    """glibc's libc or libpthread, or a program with glibc linked in."""
    if module.exports.find("pthread_mutex_lock") is not None:
        return module.exports.has_string(b"GLIBC_2.")
    return module.functions.has_string(b"__lll_lock_wait")


def is_glib(module: Module) -> bool:
    return module.exports.find("g_mutex_lock") is not None
