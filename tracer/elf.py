"""One x86-64 ELF file: its segments, build id, load bias and unwind section."""

import io
import struct
import weakref
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from elftools.common.exceptions import DWARFError, ELFError
from elftools.elf.elffile import ELFFile

from tracer.errors import FileError
from tracer.process import Mapping

PAGE = 4096
PT_LOAD, PT_NOTE, PT_TLS, PT_GNU_EH_FRAME = 1, 4, 7, 0x6474E550
PF_X, PF_W = 1, 2
NT_GNU_BUILD_ID = 3
SEGMENTS_LIMIT = 4096
NOTE_LIMIT = 1 << 16
DAMAGE = (
    ELFError,
    DWARFError,
    struct.error,
    OSError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    AssertionError,
    OverflowError,
    MemoryError,
    RecursionError,
    zlib.error,
)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Segment:
    """A program header. `address` is the file's own; `size` counts the bytes that the file holds,
    `memory_size` those that are mapped: zeros follow."""

    kind: int
    flags: int
    offset: int
    address: int
    size: int
    memory_size: int

    @property
    def page_offset(self) -> int:
        return self.offset & -PAGE


@dataclass(frozen=True, slots=True)
class EhFrame:
    """The bytes from .eh_frame's start (to its segment's end, if its size is unknown), its own address, and
    .eh_frame_hdr with its own address, where there is one."""

    data: bytes
    address: int
    index: bytes
    index_address: int


class Elf:
    """An ELF file by an open descriptor, which the caller may close at once.

    Everything is read on demand, never mapped: a file that shrinks meanwhile gives a FileError.
    """

    def __init__(self, fd: int) -> None:
        self._open(_reopen(fd))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Elf":
        """A file that is in memory, such as the vdso."""
        elf = cls.__new__(cls)
        elf._open(io.BytesIO(data))
        return elf

    def _open(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.close = weakref.finalize(self, stream.close)
        self.size = stream.seek(0, io.SEEK_END)
        self._segments = guarded(self._read_segments)
        self.segments = tuple(segment for segment in self._segments if segment.kind == PT_LOAD)

    def read(self, offset: int, size: int) -> bytes:
        """Bytes of the file. Raises FileError where it does not hold them."""
        if offset < 0 or size < 0 or offset + size > self.size:
            raise FileError("damaged ELF file: it ends too early")
        self._stream.seek(offset)
        data = self._stream.read(size)
        if len(data) != size:
            raise FileError("damaged ELF file: it ends too early")
        return data

    def _read_segments(self) -> tuple[Segment, ...]:
        header = self.read(0, 64)
        if header[:6] != b"\x7fELF\x02\x01":
            raise FileError("not a 64-bit little-endian ELF file")
        (table,) = struct.unpack_from("<Q", header, 32)
        entry, count = struct.unpack_from("<HH", header, 54)
        if entry < 56 or count > SEGMENTS_LIMIT:
            raise FileError("damaged ELF file: strange program headers")
        data = self.read(table, entry * count)
        return tuple(_segment(data, index * entry) for index in range(count))

    def bias(self, mapping: Mapping) -> int:
        """Run-time address minus the file's own address, modulo 2**64.

        Raises FileError when no segment is mapped from that place in the file.
        """
        fitting = [
            segment
            for segment in self.segments
            if segment.page_offset <= mapping.offset < segment.offset + segment.size
        ]
        if not fitting:
            raise FileError(f"no segment lies at offset {mapping.offset:#x} of {mapping.path}")
        # Two segments may share a page of the file.
        segment = max(fitting, key=lambda one: (_matches(one, mapping), one.page_offset))
        return mapping.start - mapping.offset + segment.offset - segment.address & (1 << 64) - 1

    @cached_property
    def build_id(self) -> str | None:
        """The build id in hexadecimal."""
        for segment in self._segments:
            if segment.kind == PT_NOTE and segment.size <= NOTE_LIMIT:
                for name, kind, value in _notes(self.read(segment.offset, segment.size)):
                    if name == b"GNU\0" and kind == NT_GNU_BUILD_ID:
                        return value.hex()
        return None

    @property
    def thread_locals(self) -> Segment | None:
        """What each thread's copy of the file's thread-local variables begins as."""
        return next((segment for segment in self._segments if segment.kind == PT_TLS), None)

    def eh_frame(self) -> EhFrame | None:
        """The unwind section; None when the file has none. Raises FileError on damage."""
        for segment in self._segments:
            if segment.kind == PT_GNU_EH_FRAME and segment.size >= 8:
                return guarded(self._indexed_eh_frame, segment)
        data = self.section(".eh_frame")
        if data is None:
            return None
        return EhFrame(data, guarded(self.file.get_section_by_name, ".eh_frame")["sh_addr"], b"", 0)

    def _indexed_eh_frame(self, header: Segment) -> EhFrame | None:
        index = self.read(header.offset, header.size)
        if index[0] != 1 or index[1] != 0x1B:
            raise FileError("damaged ELF file: strange .eh_frame_hdr")
        address = header.address + 4 + int.from_bytes(index[4:8], "little", signed=True)
        for segment in self.segments:
            skipped = address - segment.address
            if 0 <= skipped < segment.size:
                data = self.read(segment.offset + skipped, segment.size - skipped)
                return EhFrame(data, address, index, header.address)
        return None

    @cached_property
    def file(self) -> Any:
        """The same file for pyelftools (an ELFFile), whose methods may raise any of DAMAGE."""
        return guarded(ELFFile, self._stream)

    def section(self, name: str) -> bytes | None:
        """A section's (uncompressed) bytes, None when there is none. Raises FileError on damage."""
        section = guarded(self.file.get_section_by_name, name)
        if section is None or section["sh_type"] == "SHT_NOBITS":
            return None
        if section["sh_size"] > self.size:
            raise FileError(f"damaged ELF file: {name} is larger than the file")
        data: bytes = guarded(section.data)
        return data


def guarded(function: Callable[..., Result], *arguments: Any) -> Result:
    """The function's result. What pyelftools and struct raise on a damaged file becomes a FileError."""
    try:
        return function(*arguments)
    except DAMAGE as error:
        raise FileError(f"damaged ELF file: {error}") from error


def _reopen(fd: int) -> BinaryIO:
    """A file object with a position of its own. Raises FileError."""
    try:
        return Path(f"/proc/self/fd/{fd}").open("rb")
    except OSError as error:
        raise FileError(f"cannot read an ELF file: {error.strerror}") from error


def _segment(data: bytes, at: int) -> Segment:
    kind, flags, offset, address, _, size, memory_size = struct.unpack_from("<IIQQQQQ", data, at)
    return Segment(kind, flags, offset, address, size, memory_size)


def _matches(segment: Segment, mapping: Mapping) -> bool:
    """Code is mapped as code, and only what may be written is: some of it is protected later."""
    writable = bool(segment.flags & PF_W) or "w" not in mapping.permissions
    return writable and bool(segment.flags & PF_X) == mapping.executable


def _notes(data: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    at = 0
    while at + 12 <= len(data):
        name_size, size, kind = struct.unpack_from("<III", data, at)
        name_at, value_at = at + 12, at + 12 + (name_size + 3 & -4)
        yield data[name_at : name_at + name_size], kind, data[value_at : value_at + size]
        at = value_at + (size + 3 & -4)
