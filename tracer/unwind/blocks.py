"""The index into a file's rows: per 256 bytes of text, which rows to search."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from itertools import pairwise

BLOCK = 256  # bytes of text
BLOCKS_LIMIT = 1 << 21  # 512 MB of text


def first_pc(rows: array[int]) -> int:
    """Where the first block begins: a file-relative pc."""
    return rows[0] >> 32 & -BLOCK


def build_blocks(rows: array[int], base: int) -> array[int]:
    """struct row_block, as a u64 each, from the first row's block to the last row's.

    rows: not empty, ascending; base: the index that rows[0] has in the table of all rows. Empty where the
    text spans more than BLOCKS_LIMIT.
    """
    begin, last = first_pc(rows), rows[-1] >> 32
    count = (last - begin) // BLOCK + 1
    if count > BLOCKS_LIMIT:
        return array("Q")
    starts = []
    at = 0
    for key in range(begin << 32 | 0xFFFFFFFF, begin + (count + 1) * BLOCK << 32, BLOCK << 32):
        at = bisect_right(rows, key, at, min(at + BLOCK + 1, len(rows)))
        starts.append(at - 1 if at else 0)
    return array("Q", [base + first | after - first + 1 << 32 for first, after in pairwise(starts)])
