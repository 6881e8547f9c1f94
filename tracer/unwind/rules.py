"""How a frame is left, as call frame instructions say it, and as a row (enum row_type) can hold it."""

from enum import IntEnum
from typing import NamedTuple

from tracer.abi import number

ROW_NONE = number("ROW_NONE")
ROW_RSP = number("ROW_RSP")
ROW_RBP = number("ROW_RBP")
ROW_PLT = number("ROW_PLT")
ROW_SIGNAL = number("ROW_SIGNAL")
ROW_DRAP = number("ROW_DRAP")
ROW_END = number("ROW_END")
ROW_BAD = number("ROW_BAD")

SAVED_AT_RBP = 8  # rbp's slot where a function that realigned its stack saved it at [rbp]
NO_SLOT = 1  # rbp is where no row can say: not a multiple of 8


class ReturnAddress(IntEnum):
    """Where a frame's return address is."""

    BELOW_CFA = 0  # at CFA - 8, where a call leaves it
    NONE = 1  # undefined: this is the outermost frame
    ELSEWHERE = 2


class Rules(NamedTuple):
    """The rules at one pc. `kind` is the row_type of the CFA's rule; `offset` its offset in bytes (in a PLT,
    the byte of the stub from which on 8 more are pushed); `slot` is rbp's, from the CFA, 0: unchanged."""

    kind: int
    offset: int
    slot: int
    return_address: ReturnAddress

    def encode(self) -> int:
        """The low 32 bits of a row."""
        if self.kind == ROW_SIGNAL:
            return ROW_SIGNAL
        if self.return_address is ReturnAddress.NONE:
            return ROW_END
        if self.kind not in (ROW_RSP, ROW_RBP, ROW_PLT, ROW_DRAP) or not self._fits():
            return ROW_BAD
        offset = self.offset if self.kind == ROW_PLT else self.offset >> 3
        return (offset & 0xFFFF) << 16 | (self.slot >> 3 & 0xFF) << 8 | self.kind

    def _fits(self) -> bool:
        whole = self.kind == ROW_PLT or self.offset % 8 == 0
        return (
            self.return_address is ReturnAddress.BELOW_CFA
            and whole
            and self.slot % 8 == 0
            and -(1 << 18) <= self.offset < 1 << 18
            and -(1 << 10) <= self.slot < 1 << 10
        )


UNKNOWN = Rules(ROW_BAD, 0, 0, ReturnAddress.ELSEWHERE)
