"""The memory of a running process."""

import os
import weakref

from tracer.errors import NotPermittedError, TargetError

READ_LIMIT = 1 << 24  # bytes: more in one read is a damaged size


class Memory:
    """Reads another process's memory while it runs. What is not mapped, or not any more, reads as None.

    Raises TargetError or NotPermittedError when it cannot be opened.
    """

    def __init__(self, pid: int) -> None:
        try:
            self._fd = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
        except PermissionError as error:
            raise NotPermittedError(
                f"not allowed to read the memory of process {pid}",
                "run lockwatch as root, or with CAP_SYS_PTRACE",
            ) from error
        except OSError as error:
            raise TargetError(f"cannot read the memory of process {pid}: {error.strerror}") from error
        self._finalizer = weakref.finalize(self, os.close, self._fd)

    def close(self) -> None:
        """From here on everything reads as None."""
        self._finalizer()
        self._fd = -1

    def read_some(self, address: int, size: int) -> bytes:
        """Up to `size` bytes: as many as are mapped from `address` on."""
        if not 0 <= address < 1 << 63 or not 0 < size <= READ_LIMIT:
            return b""
        try:
            return os.pread(self._fd, size, address)
        except OSError:
            return b""

    def read(self, address: int, size: int) -> bytes | None:
        """Exactly `size` bytes."""
        data = self.read_some(address, size)
        return data if len(data) == size else None

    def u64(self, address: int) -> int | None:
        data = self.read(address, 8)
        return int.from_bytes(data, "little") if data else None

    def u32(self, address: int) -> int | None:
        data = self.read(address, 4)
        return int.from_bytes(data, "little") if data else None

    def c_string(self, address: int, limit: int) -> str | None:
        """The text before the first NUL within `limit` bytes; None where there is none or it is not UTF-8."""
        data, found, _ = self.read_some(address, limit).partition(b"\0")
        try:
            return data.decode() if found else None
        except UnicodeDecodeError:
            return None
