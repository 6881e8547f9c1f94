"""How glibc's objects are laid out, as its own code tells."""

from dataclasses import dataclass

from tracer.locks.code import first_loaded_member
from tracer.symbols.module import Module

ENTRY_CODE = 256
"""Bytes of a function that are read where its size is not known."""

USUAL_COND_REFERENCES = 36
COND_REFERENCES = frozenset({28, USUAL_COND_REFERENCES})
"""Where `__wrefs` lies: 36 from glibc 2.25 on, 28 since the groups' references went away."""


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


def read_layout(module: Module) -> Layout:
    """Of the objects of a C library; where its code says nothing, glibc 2.25's layout."""
    found = (_member(module, name) for name in ("pthread_cond_signal", "pthread_cond_destroy"))
    references = next((offset for offset in found if offset in COND_REFERENCES), None)
    return Layout(references or USUAL_COND_REFERENCES, _member(module, "pthread_getcpuclockid"))


def _member(module: Module, function: str) -> int | None:
    """The first member that a function of the library, exported or linked in, loads of its argument."""
    found = module.exports.find(function) or module.functions.named(function.encode())
    if found is None:
        return None
    return first_loaded_member(module.read(found.address, found.size or ENTRY_CODE), found.address)
