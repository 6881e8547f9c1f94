"""glibc's own record of a process's threads: where each struct pthread lies, on top of its thread's stack."""

import struct
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from tracer.naming.reading import Reader, words

SELF, TID, LIST = 16, 720, 704
"""Offsets in glibc's x86-64 struct pthread: tcbhead_t.self, tid, and the list that links all threads."""

PTHREAD_SIZE = 2304
MOST_THREADS = 65536
SMALLEST_STACK, LARGEST_STACK = 1 << 12, 1 << 40
BEHIND_RECORD = 8192
"""Bytes at most from a struct pthread to the end of its stack's block."""
LOADER_DATA_SIZE = 8192
"""Bytes of `_rtld_global` that are searched for its lists: more than it has had in any glibc."""


@dataclass(frozen=True, slots=True)
class ThreadRecord:
    """A struct pthread, and the tid in it: of the process's own pid namespace. `stack` is the lowest address
    of the thread's stack, or `address` where it is not known: the main thread's."""

    address: int
    tid: int
    stack: int


class ThreadRecords:
    """All struct pthreads as of now, found through the lists in ld.so's `_rtld_global`."""

    def __init__(self, memory: Reader, loader_data: int) -> None:
        self._memory = memory
        self._records = sorted(
            {record.address: record for record in self._walk_all(loader_data)}.values(),
            key=lambda record: record.address,
        )
        self._addresses = [record.address for record in self._records]

    @property
    def all(self) -> list[ThreadRecord]:
        """By address."""
        return self._records

    def first_from(self, address: int) -> ThreadRecord | None:
        """The record with the lowest address that is `address` or above."""
        index = bisect_left(self._addresses, address)
        return self._records[index] if index < len(self._records) else None

    def around(self, address: int) -> ThreadRecord | None:
        """The record that `address` lies in, or whose thread's stack it lies on."""
        found = self.first_from(address - PTHREAD_SIZE + 1)
        return found if found is not None and found.stack <= address else None

    def _walk_all(self, loader_data: int) -> Iterator[ThreadRecord]:
        data = words(self._memory.read_some(loader_data, LOADER_DATA_SIZE))
        for index, following in enumerate(data):
            head = loader_data + 8 * index
            linked = following not in (0, head) and self._memory.u64(following + 8) == head
            if linked and self._record(following - LIST) is not None:
                yield from self._walk(head, following)

    def _walk(self, head: int, link: int) -> Iterator[ThreadRecord]:
        seen = {head}
        while link not in seen and len(seen) < MOST_THREADS:
            seen.add(link)
            record = self._record(link - LIST)
            if record is None:
                return
            yield record
            link = self._memory.u64(link) or head

    def _record(self, address: int) -> ThreadRecord | None:
        """The struct pthread at `address`, which holds its own address twice."""
        data = self._memory.read(address, PTHREAD_SIZE) if address > 0 else None
        if data is None:
            return None
        fields = words(data)
        (tid,) = struct.unpack_from("<I", data, TID)
        if fields[0] != address or fields[SELF // 8] != address:
            return None
        return ThreadRecord(address, tid, _stack(address, fields[TID // 8 :]))


def _stack(record: int, fields: tuple[int, ...]) -> int:
    """The start of the block that the stack and, at its end, the record lie in; `record` where none is."""
    for start, size in pairwise(fields):
        if (
            SMALLEST_STACK <= size < LARGEST_STACK
            and start <= record < start + size <= record + BEHIND_RECORD
        ):
            return start
    return record
