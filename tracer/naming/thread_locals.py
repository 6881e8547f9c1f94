"""Thread-local variables: which thread's, of which file, and where in the file's template.

ld.so keeps a link_map for each file; what it says of a file's template is found in there by the program
header's own values, whatever the version. A file's variables lie at a fixed distance below each struct
pthread, or, of files loaded later, where the thread's dtv points.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from tracer.naming.reading import Reader, words
from tracer.naming.threads import ThreadRecord, ThreadRecords
from tracer.symbols.module import Module

# struct link_map of elf/link.h: l_addr, l_name, l_ld, l_next, l_prev
ADDRESS, NEXT, PREVIOUS = 0, 24, 32
LINK_MAP_SIZE = 2048
"""Bytes of a link_map that are searched: more than it has had in any glibc."""

MOST_FILES = 4096
LARGEST_BLOCK = 1 << 30

DTV, DTV_ENTRY = 8, 16
"""Offset of tcbhead_t.dtv; bytes of an entry, which begins with the block's address. The entry before the
dtv counts the others."""

UNALLOCATED = (1 << 64) - 1
MOST_DYNAMIC = 1 << 14
"""Pairs of a thread and a file loaded later that are looked at."""


@dataclass(frozen=True, slots=True)
class Template:
    """A file's thread-local variables: `size` bytes, `distance` below a struct pthread, or 0 where only the
    dtv's entry `number` tells."""

    module: Module
    size: int
    distance: int
    number: int


@dataclass(frozen=True, slots=True)
class ThreadLocal:
    """The variable at `offset` in the template of `module`, as `record`'s thread has it."""

    record: ThreadRecord
    module: Module
    offset: int


class ThreadLocals:
    """All thread-local memory of a process as of now. `modules` are its files by their bias."""

    def __init__(
        self, memory: Reader, loader_data: int, records: ThreadRecords, modules: Mapping[int, Module]
    ) -> None:
        self._memory = memory
        self._records = records
        found = [template for each in self._link_maps(loader_data) if (template := self._of(each, modules))]
        self._static = [template for template in found if template.distance]
        self._dynamic = [template for template in found if not template.distance]

    def find(self, address: int) -> ThreadLocal | None:
        """The thread-local variable that lies at `address`."""
        for template in self._static:
            record = self._records.first_from(address + template.distance - template.size + 1)
            offset = address - record.address + template.distance if record is not None else -1
            if record is not None and 0 <= offset < template.size:
                return ThreadLocal(record, template.module, offset)
        starts, blocks = self._blocks
        index = bisect_right(starts, address) - 1
        if index < 0 or address - starts[index] >= blocks[index][1].size:
            return None
        record, template = blocks[index]
        return ThreadLocal(record, template.module, address - starts[index])

    @cached_property
    def _blocks(self) -> tuple[list[int], list[tuple[ThreadRecord, Template]]]:
        """Where the variables of files loaded later lie, ascending."""
        most = MOST_DYNAMIC // max(len(self._dynamic), 1)
        found = sorted(
            (
                (block, record.address, record, template)
                for record in self._records.all[:most]
                for template in self._dynamic
                if (block := self._block(record, template.number))
            ),
            key=lambda each: each[:2],
        )
        return [each[0] for each in found], [each[2:] for each in found]

    def _block(self, record: ThreadRecord, number: int) -> int:
        """What the thread's dtv has for a file; 0 where nothing is allocated."""
        dtv = self._memory.u64(record.address + DTV) or 0
        count = self._memory.u64(dtv - DTV_ENTRY) if dtv > DTV_ENTRY else None
        if count is None or not 0 < number <= count <= MOST_FILES:
            return 0
        block = self._memory.u64(dtv + DTV_ENTRY * number) or 0
        return block if block != UNALLOCATED else 0

    def _link_maps(self, loader_data: int) -> Iterator[tuple[int, ...]]:
        """The words of each link_map of the first namespace, whose list `_rtld_global` begins with."""
        at, previous = self._memory.u64(loader_data) or 0, 0
        for _ in range(MOST_FILES):
            data = words(self._memory.read_some(at, LINK_MAP_SIZE)) if at else ()
            if len(data) <= PREVIOUS // 8 or data[PREVIOUS // 8] != previous:
                return
            yield data
            at, previous = data[NEXT // 8], at

    @staticmethod
    def _of(link_map: tuple[int, ...], modules: Mapping[int, Module]) -> Template | None:
        """l_tls_initimage and what follows: its size, the block's size, alignment, first byte's offset, the
        distance, the number."""
        bias = link_map[ADDRESS]
        module = modules.get(bias)
        header = module.elf.thread_locals if module is not None and module.elf is not None else None
        if module is None or header is None:
            return None
        known = (bias + header.address & UNALLOCATED, header.size, header.memory_size)
        for index in range(len(link_map) - 6):
            if link_map[index : index + 3] == known:
                distance, number = link_map[index + 5 : index + 7]
                static = header.memory_size <= distance < LARGEST_BLOCK
                return Template(module, header.memory_size, distance if static else 0, number)
        return None
