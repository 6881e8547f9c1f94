"""A BPF ring buffer, read through its shared pages: no call into the kernel for a record."""

import mmap
import struct
from collections.abc import Iterator

PAGE = mmap.PAGESIZE
BUSY = 1 << 31  # the record is reserved but not yet written
DISCARDED = 1 << 30
HEADER = 8  # bytes: u32 length with the flags above, u32 page offset

_position = struct.Struct("<Q")
_header = struct.Struct("<I")


class RingReader:
    """Reads the ring of `map_fd`, whose data area is `size` bytes, a power of two.

    The consumer's page comes first and is writable; then the producer's page and the data, which the kernel
    maps twice in a row so that no record is ever split.
    """

    def __init__(self, map_fd: int, size: int) -> None:
        self._mask = size - 1
        self._consumer = mmap.mmap(map_fd, PAGE, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        self._data = mmap.mmap(map_fd, PAGE + 2 * size, mmap.MAP_SHARED, mmap.PROT_READ, offset=PAGE)

    def records(self) -> Iterator[bytes]:
        """The records that are there now, in order; room is given back as they are taken."""
        (taken,) = _position.unpack_from(self._consumer)
        (written,) = _position.unpack_from(self._data)
        data, mask = self._data, self._mask
        while taken < written:
            start = PAGE + (taken & mask)
            (length,) = _header.unpack_from(data, start)
            if length & BUSY:
                break
            size = length & ~DISCARDED
            if not length & DISCARDED:
                yield data[start + HEADER : start + HEADER + size]
            taken += (size + HEADER + 7) & ~7
            _position.pack_into(self._consumer, 0, taken)

    def close(self) -> None:
        self._consumer.close()
        self._data.close()
