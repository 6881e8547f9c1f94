"""Names of run-time generated code: /tmp/perf-PID.map, as JIT compilers write it for perf."""

import os
import stat
from bisect import bisect_right

LARGEST_FILE = 64 << 20


class PerfMap:
    """`path` is the file as lockwatch sees it. Its lines are `start size name`, in hexadecimal; later ones
    replace earlier ones of the same start. Read anew when it has grown."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._read_size = -1
        self._starts: list[int] = []
        self._symbols: dict[int, tuple[int, bytes]] = {}

    def find(self, address: int) -> bytes | None:
        """The name of the code that covers the run-time `address`."""
        self._update()
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        end, name = self._symbols[self._starts[index]]
        return name if address < end else None

    def _update(self) -> None:
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW)
        except OSError:
            return
        try:
            self._read(fd)
        finally:
            os.close(fd)

    def _read(self, fd: int) -> None:
        status = os.fstat(fd)
        if stat.S_ISREG(status.st_mode) and status.st_size != self._read_size:
            self._read_size = status.st_size
            with os.fdopen(fd, "rb", closefd=False) as file:
                self._symbols = _parse(file.read(LARGEST_FILE))
            self._starts = sorted(self._symbols)


def _parse(data: bytes) -> dict[int, tuple[int, bytes]]:
    """start -> (end, name); lines that are not of the form are left out."""
    symbols: dict[int, tuple[int, bytes]] = {}
    for line in data.split(b"\n"):
        fields = line.split(None, 2)
        if len(fields) != 3:
            continue
        try:
            start, size = int(fields[0], 16), int(fields[1], 16)
        except ValueError:
            continue
        symbols[start] = (start + size, fields[2].rstrip())
    return symbols
