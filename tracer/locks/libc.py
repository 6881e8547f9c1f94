"""A C library: which of its functions belong to which primitive, and how its objects are laid out."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from tracer.locks.code import branch_targets, first_loaded_member
from tracer.locks.primitives import Primitive, libc_primitive
from tracer.symbols.exports import Export
from tracer.symbols.module import Module

FURTHEST = 2
"""Calls away from an exported function in which an inner one is still its own."""

USUAL_COND_REFERENCES = 36
COND_REFERENCES = frozenset({28, USUAL_COND_REFERENCES})
"""Where `__wrefs` lies: 36 from glibc 2.25 on, 28 since the groups' references went away."""

LARGEST_FUNCTION = 1 << 14
"""Bytes of a function that are read."""


class FunctionRanges(Protocol):
    """Where functions begin and end, by their unwind entries."""

    def function(self, pid: int, pc: int) -> tuple[int, int] | None:
        """Run-time start and end of the function around `pc`."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Offsets of futex words in glibc's objects, in bytes.

    A condition variable holds its word of references at `cond_references`, its inner lock 4 bytes later, and
    then its two words of signals; `cond_groups`, where it has them, are two words that a signaller waits on.
    """

    cond_references: int = USUAL_COND_REFERENCES
    thread_id: int | None = None

    @property
    def cond_lock(self) -> int:
        return self.cond_references - 4

    @property
    def cond_signals(self) -> int:
        return self.cond_references + 4

    @property
    def cond_groups(self) -> int:
        return 16


class Libc:
    """The file of a C library, which process `pid` has mapped with `bias`."""

    def __init__(self, pid: int, module: Module, bias: int, ranges: FunctionRanges) -> None:
        self._pid = pid
        self._module = module
        self._bias = bias
        self._ranges = ranges

    def primitive(self, function: str | None, address: int) -> Primitive | None:
        """Of the function around the file's own `address`: by its name, or where it has none, by the exported
        functions that call or jump to it, if they all agree."""
        if function is not None:
            return libc_primitive(function)
        found = self._function(address)
        owners = self._inner.get(found[0], set()) if found is not None else set[Primitive]()
        return next(iter(owners)) if len(owners) == 1 else None

    @cached_property
    def layout(self) -> Layout:
        """What the library's own code says; where it says nothing, glibc 2.25's layout."""
        references = self._member("pthread_cond_signal")
        if references not in COND_REFERENCES:
            references = self._member("pthread_cond_destroy")
        if references not in COND_REFERENCES:
            references = None
        thread_id = self._member("pthread_getcpuclockid")
        return Layout(references or USUAL_COND_REFERENCES, thread_id)

    def _member(self, function: str) -> int | None:
        export = self._module.exports.find(function)
        if export is None:
            return None
        return first_loaded_member(self._module.read(export.address, export.size or 256), export.address)

    @cached_property
    def _inner(self) -> dict[int, set[Primitive]]:
        """The primitives that reach each function which is not exported, by its own address."""
        exported = {export.address: export for export in self._module.exports if export.is_code}
        reached: dict[int, set[Primitive]] = {}
        for export in exported.values():
            primitive = libc_primitive(export.name)
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

    @cached_property
    def _targets(self) -> dict[int, frozenset[int]]:
        return {}

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
