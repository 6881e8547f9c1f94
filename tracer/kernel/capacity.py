"""How large the tables of a module are made: before they are built, so that both can be done at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer import abi
from tracer.process import read_mappings

if TYPE_CHECKING:
    from tracer.unwind.tables import Tables

BLOCK_BYTES = 256  # of text that one struct row_block is for
BYTES_PER_ROW = 16  # of text: less than any compiler's output has; libc, libvirt and QEMU have 25 to 60
SPARE = 2  # for code that is mapped later
LEAST_ROWS, LEAST_BLOCKS, LEAST_MAPPINGS = 1 << 20, 1 << 18, 512
MAPPING_SIZE = abi.layout("mapping").size
BLOCK_SIZE = abi.layout("row_block").size


@dataclass(frozen=True, slots=True)
class Capacity:
    """Rows and blocks of all files together; mappings of one process."""

    rows: int = LEAST_ROWS
    blocks: int = LEAST_BLOCKS
    mappings: int = LEAST_MAPPINGS

    def holds(self, tables: Tables, pids: Iterable[int]) -> bool:
        """Everything that there is now has room."""
        needed = needed_capacity(tables, pids)
        return needed.rows <= self.rows and needed.blocks <= self.blocks and needed.mappings <= self.mappings


def likely_capacity(pids: Iterable[int]) -> Capacity:
    """By the sizes of what the processes map as code. Raises TargetError where one is gone."""
    text: dict[tuple[str, int, int], int] = {}
    most = 0
    for pid in pids:
        code = [mapping for mapping in read_mappings(pid) if mapping.executable]
        most = max(most, len(code))
        text |= {(each.device, each.inode, each.offset): each.end - each.start for each in code}
    total = sum(text.values())
    return _with_spare(total // BYTES_PER_ROW, total // BLOCK_BYTES, most)


def needed_capacity(tables: Tables, pids: Iterable[int]) -> Capacity:
    """What the tables hold now."""
    most = max((len(tables.mappings(pid)) // MAPPING_SIZE for pid in pids), default=0)
    return Capacity(len(tables.rows), len(tables.blocks) // BLOCK_SIZE, most)


def enough_capacity(tables: Tables, pids: Iterable[int]) -> Capacity:
    """What the tables hold now, with room to grow."""
    needed = needed_capacity(tables, pids)
    return _with_spare(needed.rows, needed.blocks, needed.mappings)


def _with_spare(rows: int, blocks: int, mappings: int) -> Capacity:
    return Capacity(
        max(power_of_two(rows * SPARE), LEAST_ROWS),
        max(power_of_two(blocks * SPARE), LEAST_BLOCKS),
        max(power_of_two(mappings * SPARE), LEAST_MAPPINGS),
    )


def power_of_two(least: int) -> int:
    return 1 << max(least - 1, 1).bit_length()
