"""Every pc's row is found within its block."""

import random
from array import array
from bisect import bisect_right

from tracer.unwind.blocks import BLOCK, BLOCKS_LIMIT, build_blocks, first_pc

BASE = 1000  # rows of other files, before


def search(rows: "array[int]", pc: int) -> int:
    """As the BPF unwinder does: the index of the last row at or below a pc, among those of its block."""
    blocks = build_blocks(rows, BASE)
    block = blocks[(pc - first_pc(rows)) // BLOCK]
    first, count = block & 0xFFFFFFFF, block >> 32
    found = first
    for index in range(first, first + count):
        if rows[index - BASE] >> 32 <= pc:
            found = index
    return found - BASE


def test_every_pc_finds_its_row() -> None:
    random.seed(7)
    pcs = sorted(random.sample(range(0x1234, 0x3000), 300))
    rows = array("Q", [pc << 32 | 1 for pc in pcs])
    for pc in range(pcs[0], pcs[-1] + 1, 7):
        assert search(rows, pc) == bisect_right(pcs, pc) - 1


def test_a_block_has_the_row_that_reaches_into_it_and_no_row_more_than_needed() -> None:
    rows = array("Q", [pc << 32 for pc in (0x1000, 0x1080, 0x1300, 0x1301)])
    blocks = build_blocks(rows, 0)
    assert [(block & 0xFFFFFFFF, block >> 32) for block in blocks] == [(0, 2), (1, 1), (1, 2), (2, 2)]


def test_one_row_is_one_block() -> None:
    assert list(build_blocks(array("Q", [0x1234 << 32]), 5)) == [5 | 1 << 32]


def test_text_spread_too_far_has_no_blocks() -> None:
    rows = array("Q", [0, BLOCKS_LIMIT * BLOCK << 32])
    assert not build_blocks(rows, 0)
