"""A BPF ring buffer, read through its shared pages: no call into the kernel for a record."""

import mmap
import threading
from collections import deque
from collections.abc import Iterator

from tracer.courtesy import give_way

PAGE = mmap.PAGESIZE
BUSY = 1 << 31  # the record is reserved but not yet written
DISCARDED = 1 << 30
HEADER = 8  # bytes: u32 length with the flags above, u32 page offset


class RingReader:
    """Reads the ring of `map_fd`, whose data area is `size` bytes, a power of two.

    The consumer's page comes first and is writable; then the producer's page and the data, which the kernel
    maps twice in a row so that no record is ever split. Both sides read each other's position at any time: it
    is read and written as one word (which struct does not do), so that nobody sees half of a new one.
    """

    def __init__(self, map_fd: int, size: int) -> None:
        self._mask = size - 1
        self._consumer = mmap.mmap(map_fd, PAGE, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        self._data = mmap.mmap(map_fd, PAGE + 2 * size, mmap.MAP_SHARED, mmap.PROT_READ, offset=PAGE)
        self._taken = memoryview(self._consumer).cast("Q")
        self._written = memoryview(self._data).cast("Q")
        self._headers = memoryview(self._data).cast("I")

    def records(self) -> Iterator[bytes]:
        """The records that are there now, in order; room is given back as they are taken."""
        taken, written = self._taken[0], self._written[0]
        data, mask = self._data, self._mask
        while taken < written:
            start = PAGE + (taken & mask)
            length = self._headers[start // 4]
            if length & BUSY:
                break
            size = length & ~DISCARDED
            if not length & DISCARDED:
                yield data[start + HEADER : start + HEADER + size]
            taken += (size + HEADER + 7) & ~7
            self._taken[0] = taken

    def close(self) -> None:
        for view in (self._taken, self._written, self._headers):
            view.release()
        self._consumer.close()
        self._data.close()


class Backlog:
    """Empties a ring from a thread of its own: whoever takes the records may be busy for as long as the names
    of a large program take to read. Beyond `limit` records they stay in the ring, lost when it is full.
    """

    def __init__(self, ring: RingReader, limit: int = 1_000_000, seconds: float = 0.2) -> None:
        self._ring = ring
        self._limit = limit
        self._seconds = seconds
        self._records: deque[bytes] = deque()
        self._reading = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        give_way()
        while not self._stop.wait(self._seconds):
            self._read()

    def _read(self) -> None:
        with self._reading:
            if len(self._records) < self._limit:
                self._records.extend(self._ring.records())

    def take(self) -> Iterator[bytes]:
        """The records up to now, in order."""
        self._read()
        for _ in range(len(self._records)):
            yield self._records.popleft()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._ring.close()
