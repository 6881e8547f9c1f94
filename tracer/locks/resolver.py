"""The kind and base of what a thread waits for, from the innermost frames of its stack."""

from tracer.locks.jobs import waits_for_job
from tracer.locks.libc import FunctionRanges, Layout, Libc, is_c_library
from tracer.locks.primitives import Primitive, glib_primitive
from tracer.locks.words import takes_pi_mutex, within, without_stack
from tracer.model.kinds import Kind
from tracer.model.stacks import Stack
from tracer.symbols.module import Module
from tracer.symbols.space import Place
from tracer.symbols.symbolizer import Symbolizer

INNERMOST = 16
"""Frames among which the primitive is looked for."""


class KindResolver:
    """Tells kinds with and without debug files of the C library. Nothing here fails: what cannot be told is
    Kind.OTHER, with the futex word itself as base."""

    def __init__(self, symbolizer: Symbolizer, ranges: FunctionRanges) -> None:
        self._symbolizer = symbolizer
        self._ranges = ranges
        self._libraries: dict[Module, Libc | None] = {}

    def resolve(self, pid: int, word: int, operation: int, value: int, stack: Stack) -> tuple[Kind, int]:
        """`operation` and `value` as they were passed to futex(2). Without a stack they alone decide."""
        if not stack.frames:
            return without_stack(word, operation, value)
        primitive, library = self._primitive(pid, stack)
        if primitive is None or primitive is Primitive.SYSCALL:
            return self._unnamed(word, operation, value, primitive, library)
        layout = library.layout if library is not None else Layout()
        kind, base = within(primitive, word, operation, value, layout)
        if kind is Kind.COND and waits_for_job(stack):
            return Kind.JOB, base
        return kind, base

    def _unnamed(
        self, word: int, operation: int, value: int, primitive: Primitive | None, library: Libc | None
    ) -> tuple[Kind, int]:
        """No primitive in the stack: one of the C library's inner locks, or a program's own futex."""
        if library is not None and primitive is None:
            return without_stack(word, operation, value)
        return (Kind.PI_MUTEX if takes_pi_mutex(operation) else Kind.OTHER), word

    def _primitive(self, pid: int, stack: Stack) -> tuple[Primitive | None, Libc | None]:
        """The innermost primitive, and the C library that the futex call was made in."""
        innermost: Libc | None = None
        raw = False
        for depth, frame in enumerate(stack.frames[:INNERMOST]):
            if glib := glib_primitive(frame.function or ""):
                return glib, innermost
            pc = frame.address - (depth > 0)
            place = self._symbolizer.place(pid, pc)
            library = self._library(pid, place) if place is not None else None
            if depth == 0:
                innermost = library
            if place is not None and library is not None and not raw:
                found = library.primitive(frame.function, pc - place.bias)
                raw = found is Primitive.SYSCALL
                if found is not None and not raw:
                    return found, library
            elif not raw or not _is_glib(place):
                break
        return (Primitive.SYSCALL if raw else None), innermost

    def _library(self, pid: int, place: Place) -> Libc | None:
        module = place.module
        if module is None:
            return None
        if module not in self._libraries:
            known = is_c_library(module)
            self._libraries[module] = Libc(pid, module, place.bias, self._ranges) if known else None
        return self._libraries[module]


def _is_glib(place: Place | None) -> bool:
    module = place.module if place is not None else None
    return module is not None and module.exports.find("g_mutex_lock") is not None
