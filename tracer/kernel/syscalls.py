"""bpf(2) by itself: whole maps in a few calls, and what the kernel knows of a program."""

import ctypes
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

BPF = 321
MAP_LOOKUP_ELEM, MAP_UPDATE_ELEM, MAP_DELETE_ELEM = 1, 2, 3
OBJ_GET_INFO_BY_FD, MAP_LOOKUP_BATCH, MAP_LOOKUP_AND_DELETE_BATCH, ENABLE_STATS = 15, 24, 25, 32
ANY, NOEXIST = 0, 1
ENOENT, ENOSPC = 2, 28
ATTRIBUTES = 128  # bytes: larger than any attribute union used here
BATCH = 512

_libc = ctypes.CDLL(None, use_errno=True)


def bpf(command: int, attributes: bytes) -> int:
    """One bpf(2) call. Raises OSError."""
    union = ctypes.create_string_buffer(attributes.ljust(ATTRIBUTES, b"\0"), ATTRIBUTES)
    result = int(_libc.syscall(BPF, command, union, ATTRIBUTES))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _element(fd: int, key: ctypes.Array[ctypes.c_char], value: int, flags: int = 0) -> bytes:
    return struct.pack("<IIQQQ", fd, 0, ctypes.addressof(key), value, flags)


def update(fd: int, key: bytes, value: bytes, flags: int = ANY) -> None:
    """Sets one element. Raises OSError, with EEXIST where `flags` is NOEXIST and the key is there."""
    key_buffer = ctypes.create_string_buffer(key, len(key))
    value_buffer = ctypes.create_string_buffer(value, len(value))
    bpf(MAP_UPDATE_ELEM, _element(fd, key_buffer, ctypes.addressof(value_buffer), flags))


def delete(fd: int, key: bytes) -> None:
    """Removes one element; it is no error if there is none."""
    key_buffer = ctypes.create_string_buffer(key, len(key))
    try:
        bpf(MAP_DELETE_ELEM, _element(fd, key_buffer, 0))
    except OSError as error:
        if error.errno != ENOENT:
            raise


def lookup(fd: int, key: bytes, size: int) -> bytes | None:
    """One element's value of `size` bytes, or None."""
    key_buffer = ctypes.create_string_buffer(key, len(key))
    value_buffer = ctypes.create_string_buffer(size)
    try:
        bpf(MAP_LOOKUP_ELEM, _element(fd, key_buffer, ctypes.addressof(value_buffer)))
    except OSError as error:
        if error.errno == ENOENT:
            return None
        raise
    return value_buffer.raw


def items(
    fd: int, key_size: int, value_size: int, batch: int = BATCH, command: int = MAP_LOOKUP_BATCH
) -> Iterator[tuple[bytes, bytes]]:
    """All elements of a hash map, as of about now, by batched lookup, or lookup and delete (Linux 5.6).

    A bucket that holds more than `batch` elements makes the kernel ask for a larger one: the size is doubled.
    """
    position = ctypes.create_string_buffer(8)
    following = ctypes.create_string_buffer(8)
    started = False
    while True:
        keys = ctypes.create_string_buffer(batch * key_size)
        values = ctypes.create_string_buffer(batch * value_size)
        union = ctypes.create_string_buffer(ATTRIBUTES)
        struct.pack_into(
            "<QQQQIIQQ",
            union,
            0,
            ctypes.addressof(position) if started else 0,
            ctypes.addressof(following),
            ctypes.addressof(keys),
            ctypes.addressof(values),
            batch,
            fd,
            0,
            0,
        )
        failed = int(_libc.syscall(BPF, command, union, ATTRIBUTES)) < 0
        number = ctypes.get_errno() if failed else 0
        if number == ENOSPC:
            batch *= 2
            continue
        if number not in (0, ENOENT):
            raise OSError(number, os.strerror(number))
        (found,) = struct.unpack_from("<I", union, 32)
        raw_keys, raw_values = keys.raw, values.raw
        for index in range(found):
            yield (
                raw_keys[index * key_size : (index + 1) * key_size],
                raw_values[index * value_size : (index + 1) * value_size],
            )
        if number == ENOENT:
            return
        position, following = following, position
        started = True


def per_cpu_array_sum(fd: int, index: int) -> int:
    """The sum over all possible CPUs of one u64 of a per-CPU array."""
    cpus = possible_cpus()
    raw = lookup(fd, struct.pack("<I", index), 8 * cpus)
    return sum(struct.unpack(f"<{cpus}Q", raw)) if raw else 0


def possible_cpus() -> int:
    """How many values a per-CPU map holds: the highest possible CPU's number and one."""
    with open("/sys/devices/system/cpu/possible") as file:  # noqa: PTH123
        last = file.read().strip().split(",")[-1].split("-")[-1]
    return int(last) + 1


def enable_statistics() -> int:
    """Makes the kernel time every BPF program while the returned fd is open (5.8). Raises OSError."""
    return bpf(ENABLE_STATS, struct.pack("<I", 0))


@dataclass(frozen=True, slots=True)
class ProgramRuns:
    """`ns` and `runs` were counted while statistics were enabled; `skipped` always.

    The kernel skips a program where another, or a change of a map, is under way on the same CPU (told from
    Linux 5.12 on, and of tracepoint programs from 6.7 on).
    """

    ns: int
    runs: int
    skipped: int


def program_runs(fd: int) -> ProgramRuns:
    """From struct bpf_prog_info: a kernel whose own is shorter leaves the rest 0. Raises OSError."""
    info = ctypes.create_string_buffer(232)
    bpf(OBJ_GET_INFO_BY_FD, struct.pack("<IIQ", fd, len(info), ctypes.addressof(info)))
    return ProgramRuns(*struct.unpack_from("<QQQ", info, 192))
