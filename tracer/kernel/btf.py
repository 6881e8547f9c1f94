"""Offsets of kernel structures, from the kernel's own type information (BTF)."""

import struct
from functools import cache
from pathlib import Path

VMLINUX = Path("/sys/kernel/btf/vmlinux")
MAGIC = 0xEB9F
KIND_STRUCT = 4
TYPE = struct.Struct("<III")  # name, info: kind << 24 | members, size
MEMBER = struct.Struct("<III")  # name, type, offset in bits


@cache
def field_offset(structure: str, *path: tuple[str, str]) -> int | None:
    """Bytes from the start of `structure` to a field, or None where the kernel does not say.

    `path`: pairs (field, structure that the field is), the last one's structure is not looked at.
    """
    try:
        image = VMLINUX.read_bytes()
    except OSError:
        return None
    offset, here = 0, structure
    for field, inner in path:
        member = _member_offset(image, here, field)
        if member is None:
            return None
        offset, here = offset + member, inner
    return offset


def run_delay_offset() -> int | None:
    """Bytes to task_struct.sched_info.run_delay: ns runnable without running."""
    return field_offset("task_struct", ("sched_info", "sched_info"), ("run_delay", ""))


def _member_offset(image: bytes, structure: str, field: str) -> int | None:
    """Finds the struct by its name's offset in the string section, without a walk over all types."""
    magic, _version, _flags, header, _types_at, _types, strings_at, strings = struct.unpack_from(
        "<HBBIIIII", image
    )
    if magic != MAGIC:
        return None
    text = header + strings_at
    name = image.find(b"\0" + structure.encode() + b"\0", text, text + strings)
    if name < 0:
        return None
    wanted = struct.pack("<I", name + 1 - text)
    at = image.find(wanted, header)
    while 0 <= at < text:
        _, info, _size = TYPE.unpack_from(image, at)
        if at % 4 == 0 and info >> 24 & 0x1F == KIND_STRUCT and info & 0xFFFF:
            return _field(image, at + TYPE.size, info & 0xFFFF, bool(info >> 31), text, field)
        at = image.find(wanted, at + 1)
    return None


def _field(image: bytes, at: int, members: int, bitfields: bool, text: int, field: str) -> int | None:
    wanted = field.encode() + b"\0"
    for index in range(members):
        name, _type, bits = MEMBER.unpack_from(image, at + index * MEMBER.size)
        if image.startswith(wanted, text + name):
            return int(bits & 0xFFFFFF if bitfields else bits) // 8
    return None
