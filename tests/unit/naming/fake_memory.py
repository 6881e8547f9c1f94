"""Memory made of pieces, and memory that answers every read with something else."""

import random
import struct


class FakeMemory:
    """Reads what was written to it; the rest is not mapped."""

    def __init__(self) -> None:
        self._bytes: dict[int, int] = {}

    def write(self, address: int, data: bytes) -> None:
        self._bytes.update(enumerate(data, address))

    def write_u64(self, address: int, *values: int) -> None:
        self.write(address, struct.pack(f"<{len(values)}Q", *values))

    def write_text(self, address: int, text: str) -> None:
        self.write(address, text.encode() + bytes(256))

    def read_some(self, address: int, size: int) -> bytes:
        data = bytearray()
        for at in range(address, address + size):
            if at not in self._bytes:
                break
            data.append(self._bytes[at])
        return bytes(data)

    def read(self, address: int, size: int) -> bytes | None:
        data = self.read_some(address, size)
        return data if len(data) == size else None

    def u64(self, address: int) -> int | None:
        data = self.read(address, 8)
        return int.from_bytes(data, "little") if data else None

    def u32(self, address: int) -> int | None:
        data = self.read(address, 4)
        return int.from_bytes(data, "little") if data else None

    def c_string(self, address: int, limit: int) -> str | None:
        data, found, _ = self.read_some(address, limit).partition(b"\0")
        return data.decode("utf-8", "replace") if found else None


class HostileMemory:
    """Every read gives bytes that look like pointers, small numbers or nothing, anew each time.

    `reads` counts them: what walks through such memory must come to an end.
    """

    def __init__(self, seed: int, addresses: tuple[int, ...] = ()) -> None:
        self._random = random.Random(seed)
        self._addresses = addresses
        self.reads = 0

    def _word(self) -> int:
        choice = self._random.randrange(8)
        if choice == 0:
            return self._random.getrandbits(64)
        if choice == 1:
            return 80
        if choice <= 4 and self._addresses:
            return self._random.choice(self._addresses)
        return self._random.randrange(300) if choice == 5 else self._random.randrange(1 << 12, 1 << 47)

    def read_some(self, address: int, size: int) -> bytes:
        self.reads += 1
        if size <= 0 or self._random.randrange(10) == 0:
            return b""
        size = min(size, 1 << 16)
        if self._random.randrange(3) == 0:
            return self._random.randbytes(size)
        return b"".join(self._word().to_bytes(8, "little") for _ in range(size // 8 + 1))[:size]

    def read(self, address: int, size: int) -> bytes | None:
        data = self.read_some(address, size)
        return data if len(data) == size else None

    def u64(self, address: int) -> int | None:
        self.reads += 1
        return self._word() if self._random.randrange(10) else None

    def u32(self, address: int) -> int | None:
        self.reads += 1
        return self._word() & 0xFFFFFFFF if self._random.randrange(10) else None

    def c_string(self, address: int, limit: int) -> str | None:
        self.reads += 1
        return self._random.choice((None, "", "GObject", "x" * (limit - 1), "\x1b[31m;\n"))
