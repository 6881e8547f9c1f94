"""Stacks on one line."""

from pathlib import PurePosixPath

from tracer.model.stacks import Frame, Stack
from tracer.output.names import printable

_LIBC_NAMES = ("libc.so", "libc-", "libpthread.so", "libpthread-", "ld-linux", "ld-musl")
CALLED_BY = " <- "


def is_libc(frame: Frame) -> bool:
    """The frame is the C library's: where every wait is, and what nobody wants to read first."""
    return PurePosixPath(frame.module).name.startswith(_LIBC_NAMES)


def own_frames(stack: Stack) -> tuple[Frame, ...]:
    """The frames from the first one on that is not libc's; all of them where none is."""
    for position, frame in enumerate(stack.frames):
        if not is_libc(frame):
            return stack.frames[position:]
    return stack.frames


def chain(stack: Stack, limit: int | None = None) -> str:
    """`inner (file.c:12) <- caller <- ...`: at most `limit` frames, from the first that is not libc's on."""
    frames = own_frames(stack)
    if not frames:
        return f"[no stack: {stack.end}]"
    shown = frames[:limit]
    text = CALLED_BY.join([_with_line(shown[0]), *(printable(frame.label) for frame in shown[1:])])
    cut_short = not stack.complete and len(shown) == len(frames)
    return f"{text}{CALLED_BY}[incomplete: {stack.end}]" if cut_short else text


def _with_line(frame: Frame) -> str:
    if frame.file is None:
        return printable(frame.label)
    place = PurePosixPath(frame.file).name + (f":{frame.line}" if frame.line else "")
    return f"{printable(frame.label)} ({printable(place)})"
