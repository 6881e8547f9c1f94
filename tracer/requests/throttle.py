"""How long calls lay unread in their connection's socket. Pure.

A server that limits the calls of one connection stops reading its socket: only the unread bytes say so.
Messages are read in the order in which they came, so at each sample the unread bytes belong to the calls that
are read next: before the socket is next seen empty.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple


class Sample(NamedTuple):
    """Unread bytes at a time, and when they were looked at before: ns. 0 bytes end a series of others."""

    before: int
    time: int
    unread: int


class ReadCall(NamedTuple):
    """A call by the time at which the server had read it (ns), and the length of its message."""

    received: int
    bytes: int


def unread_since(samples: Sequence[Sample], calls: Sequence[ReadCall]) -> list[int | None]:
    """For each call, when it came to lie in the socket; None for a call that was never seen there.

    Both in the order of time. A message that is first seen in a sample came between it and the sample before:
    in the middle, on average, or as long before the sample as it was read after it, if that is shorter. The
    first unread message may be read in part, so bytes need not add up exactly.
    """
    received = [call.received for call in calls]
    empty = [sample.time for sample in samples if not sample.unread]
    since: list[int | None] = [None] * len(calls)
    for sample in samples:
        following, unread = bisect_right(received, sample.time), sample.unread
        emptied = bisect_left(empty, sample.time)
        last = bisect_right(received, empty[emptied]) if emptied < len(empty) else len(calls)
        while unread > 0 and following < last:
            if since[following] is None:
                stayed = min((sample.time - sample.before) // 2, received[following] - sample.time)
                since[following] = sample.time - stayed
            unread -= max(calls[following].bytes, 1)
            following += 1
    return since
