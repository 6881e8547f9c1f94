"""A cursor over DWARF's variable-length numbers."""

from tracer.errors import FileError

LONGEST = 10  # bytes of a 64-bit number


class Cursor:
    """Reads one item after the other. Raises FileError at the end of the data."""

    def __init__(self, data: bytes, at: int = 0, end: int | None = None) -> None:
        self.data = data
        self.at = at
        self.end = len(data) if end is None else min(end, len(data))

    @property
    def more(self) -> bool:
        return self.at < self.end

    def take(self, size: int) -> bytes:
        if not 0 <= size <= self.end - self.at:
            raise FileError("damaged unwind section: an item ends too early")
        self.at += size
        return self.data[self.at - size : self.at]

    def fixed(self, size: int, signed: bool = False) -> int:
        return int.from_bytes(self.take(size), "little", signed=signed)

    def uleb(self) -> int:
        return self._leb()[0]

    def sleb(self) -> int:
        value, bits = self._leb()
        return value - (1 << bits) if value >> (bits - 1) else value

    def _leb(self) -> tuple[int, int]:
        value = 0
        for bits in range(7, 7 * LONGEST + 1, 7):
            byte = self.fixed(1)
            value |= (byte & 0x7F) << (bits - 7)
            if byte < 0x80:
                return value, bits
        raise FileError("damaged unwind section: an endless number")
