"""User stacks, symbolized."""

from dataclasses import dataclass
from enum import Enum


class StackEnd(str, Enum):
    """Why a stack ended; in the order of `enum stack_end` in bpf/lockwatch.h."""

    COMPLETE = "complete"
    NO_MAPPING = "no mapping"
    NO_ROW = "no unwind row"
    UNREADABLE = "stack unreadable"
    BAD_ROW = "unwind rule not supported"
    TOO_DEEP = "too deep"
    JIT = "jit"
    UNKNOWN = "not taken"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. `address` is the run-time pc; `offset` the file's own address of it (pc - load bias)."""

    function: str | None
    module: str
    offset: int
    address: int
    file: str | None = None
    line: int | None = None

    @property
    def label(self) -> str:
        """The function, or `module+0xoffset` where no symbol covers the pc."""
        return self.function or f"{self.module}+{self.offset:#x}"


@dataclass(frozen=True, slots=True)
class Stack:
    """Frames, innermost first, and why there are no more."""

    frames: tuple[Frame, ...]
    end: StackEnd

    @property
    def complete(self) -> bool:
        return self.end is StackEnd.COMPLETE


NO_STACK = Stack((), StackEnd.UNKNOWN)
