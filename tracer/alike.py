"""Long waits like one that has been looked at: summed as they come, without another look."""

import struct

from tracer import abi
from tracer.ledger import Sum
from tracer.requests.calls import WaitingCalls

MOST = 1 << 16
"""Of them remembered; then all are looked at anew."""

WHAT_IT_WAS = abi.layout("wait_event").offset("started")
"""Bytes of an event that are the same for all waits alike."""

HOW_IT_WENT = struct.Struct("<QQQ")  # started, ended, call


class AlikeWaits:
    """The sums that waits go into, by what their records begin with."""

    def __init__(self) -> None:
        self._sums: dict[bytes, tuple[Sum, WaitingCalls | None]] = {}

    def add(self, record: bytes) -> bool:
        """Sums a wait up. False for one that is not known, or another kind of event."""
        sums = self._sums.get(record[:WHAT_IT_WAS])
        if sums is None:
            return False
        started, ended, call = HOW_IT_WENT.unpack_from(record, WHAT_IT_WAS)
        waits, calls = sums
        waits.add(ended - started)
        if calls is not None:
            calls.add(call)
        return True

    def know(self, record: bytes, waits: Sum, calls: WaitingCalls | None) -> None:
        """From now on such waits go into these sums."""
        if len(self._sums) >= MOST:
            self._sums.clear()
        self._sums[record[:WHAT_IT_WAS]] = waits, calls

    def forget(self) -> None:
        """All are looked at anew."""
        self._sums.clear()
