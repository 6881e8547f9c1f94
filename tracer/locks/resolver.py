"""The kind and base of what a thread waits for, from the innermost frames of its stack."""

from tracer.locks.jobs import waits_for_job
from tracer.locks.layout import Layout
from tracer.locks.library import FunctionRanges, Library, is_c_library, is_glib
from tracer.locks.primitives import Primitive, glib_primitive, libc_primitive
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
        self._libraries: dict[tuple[Module, bool], Library | None] = {}

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
        self, word: int, operation: int, value: int, primitive: Primitive | None, library: Library | None
    ) -> tuple[Kind, int]:
        """No primitive in the stack: one of the C library's inner locks, or a program's own futex."""
        if library is not None and primitive is None:
            return without_stack(word, operation, value)
        return (Kind.PI_MUTEX if takes_pi_mutex(operation) else Kind.OTHER), word

    def _primitive(self, pid: int, stack: Stack) -> tuple[Primitive | None, Library | None]:
        """The innermost primitive, SYSCALL only where no other stands around it, and the C library that the
        futex call was made in."""
        called: Library | None = None
        raw = False
        for depth, frame in enumerate(stack.frames[:INNERMOST]):
            if (glib := glib_primitive(frame.function or "")) is not None:
                return glib, called
            pc = frame.address - (depth > 0)
            place = self._symbolizer.place(pid, pc)
            library = self._library(pid, place, in_glib=raw) if place is not None else None
            if place is None or library is None:
                break
            called = called or library
            found = library.primitive(frame.function, pc - place.bias)
            if found is not None and found is not Primitive.SYSCALL:
                return found, library
            raw = raw or found is Primitive.SYSCALL
        return (Primitive.SYSCALL if raw else None), called

    def _library(self, pid: int, place: Place, in_glib: bool) -> Library | None:
        """The C library at `place`, or around a bare system call (`in_glib`) glib; None for other code."""
        module = place.module
        if module is None:
            return None
        key = (module, in_glib)
        if key not in self._libraries:
            known = is_glib(module) if in_glib else is_c_library(module)
            by_name = glib_primitive if in_glib else libc_primitive
            library = Library(pid, module, place.bias, self._ranges, by_name) if known else None
            self._libraries[key] = library
        return self._libraries[key]
