"""Where a file's separate debug file lies: by build id, and by debug link."""

import os
import stat
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from tracer.elf import Elf
from tracer.errors import FileError

DEBUG_ROOT = "/usr/lib/debug"
READ_AT_ONCE = 1 << 20
LARGEST_CHECKED = 1 << 30
"""Bytes of a debug file whose checksum is worth computing."""


@dataclass(frozen=True, slots=True)
class DebugLink:
    """The contents of .gnu_debuglink: a file name without folders, and the file's CRC-32."""

    name: str
    checksum: int


def parse_debug_link(section: bytes) -> DebugLink | None:
    """None where the section is damaged, or names something outside the debug folders."""
    name, _, rest = section.partition(b"\0")
    padding = -(len(name) + 1) % 4
    if not name or b"/" in name or len(rest) < padding + 4:
        return None
    return DebugLink(os.fsdecode(name), struct.unpack_from("<I", rest, padding)[0])


def open_debug_file(
    path: str, build_id: str | None, link: DebugLink | None, roots: Sequence[str]
) -> Elf | None:
    """The debug file of the file mapped as `path`, looked for below each of `roots`; None when there is none.

    A file by build id must have that build id; one by link the same build id, or else the link's checksum.
    """
    for candidate in _candidates(path, build_id, link, roots):
        found = _open_checked(candidate, build_id, link)
        if found is not None:
            return found
    return None


def _candidates(
    path: str, build_id: str | None, link: DebugLink | None, roots: Sequence[str]
) -> Iterator[str]:
    for root in roots:
        if build_id is not None and len(build_id) > 2:
            yield f"{root}{DEBUG_ROOT}/.build-id/{build_id[:2]}/{build_id[2:]}.debug"
    if link is None or not path.startswith("/"):
        return
    folder = str(PurePosixPath(path).parent).rstrip("/")
    for root in roots:
        yield f"{root}{folder}/{link.name}"
        yield f"{root}{folder}/.debug/{link.name}"
        yield f"{root}{DEBUG_ROOT}{folder}/{link.name}"


def _open_checked(path: str, build_id: str | None, link: DebugLink | None) -> Elf | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        elf = Elf(fd)
        if build_id is not None and elf.build_id is not None:
            return elf if elf.build_id == build_id else None
        return elf if link is not None and _checksum(fd) == link.checksum else None
    except (FileError, OSError):
        return None
    finally:
        os.close(fd)


def _checksum(fd: int) -> int | None:
    if os.fstat(fd).st_size > LARGEST_CHECKED:
        return None
    checksum = 0
    os.lseek(fd, 0, os.SEEK_SET)
    while chunk := os.read(fd, READ_AT_ONCE):
        checksum = zlib.crc32(chunk, checksum)
    return checksum
