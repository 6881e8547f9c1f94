"""Names of a libvirt daemon's API calls, from the daemon's own tables and code."""

import re
import struct
from collections.abc import Callable, Iterator

from tracer.process import Memory

# Programs of libvirt's RPC protocol, by the name that their tables and functions begin with.
PROGRAMS = {"remote": 0x20008086, "qemu": 0x20008087, "lxc": 0x00068000, "admin": 0x06900690}

# struct virNetServerProgramProc: func first, then sizes, filters and a priority.
ENTRY = 48
LONGEST_TABLE = 4096
HELPER_CODE = 512  # bytes: a helper names itself in its first lines, for its debug message
LONGEST_NAME = 128

RIP_RELATIVE_LEA = re.compile(rb"[\x48\x4c]\x8d[\x05\x0d\x15\x1d\x25\x2d\x35\x3d]")
DISPATCHER = re.compile(r"([a-z]+)Dispatch(\w+?)(?:Helper)?$")

AddressOf = Callable[[str], "int | None"]
Procedure = tuple[int, int]


def request_parts(request: int) -> Procedure:
    """(program, procedure) of a request as the kernel side writes it."""
    return request >> 32, request >> 8 & 0xFFFFFF


def api_name(dispatcher: str) -> str | None:
    """The API call that a dispatcher function serves: remoteDispatchDomainGetInfo -> virDomainGetInfo."""
    found = DISPATCHER.match(dispatcher)
    if found is None:
        return None
    prefix = "vir" if found[1] == "remote" else found[1]
    return prefix + found[2]


def unknown_name(request: int) -> str:
    """What a call without a name is called."""
    program, procedure = request_parts(request)
    return f"{program:#x}/{procedure}"


def has_tables(address_of: AddressOf) -> bool:
    """The process exports tables of libvirt's procedures: it is a daemon of libvirt."""
    return address_of("remoteProcs") is not None


def table_names(memory: Memory, address_of: AddressOf) -> dict[Procedure, str]:
    """The name of every procedure in the tables that the daemon exports; {} where it exports none."""
    names: dict[Procedure, str] = {}
    for prefix, program in PROGRAMS.items():
        for procedure, function in _entries(memory, address_of, prefix):
            name = _name_in_code(memory, function, prefix)
            if name is not None:
                names[program, procedure] = name
    return names


def _entries(memory: Memory, address_of: AddressOf, prefix: str) -> Iterator[tuple[int, int]]:
    """(procedure, address of its helper function)."""
    table, length_at = address_of(f"{prefix}Procs"), address_of(f"{prefix}NProcs")
    if table is None or length_at is None:
        return
    entries = memory.read(table, ENTRY * min(memory.u64(length_at) or 0, LONGEST_TABLE))
    for procedure in range(len(entries or b"") // ENTRY):
        (function,) = struct.unpack_from("<Q", entries or b"", ENTRY * procedure)
        if function:
            yield procedure, function


def _name_in_code(memory: Memory, function: int, prefix: str) -> str | None:
    """The helper's own name: the first string it refers to that looks like one."""
    code = memory.read_some(function, HELPER_CODE)
    for lea in RIP_RELATIVE_LEA.finditer(code):
        after = lea.end() + 4
        if after > len(code):
            return None
        (distance,) = struct.unpack_from("<i", code, lea.end())
        text = memory.c_string(function + after + distance, LONGEST_NAME)
        if text is not None and text.startswith(f"{prefix}Dispatch"):
            return api_name(text)
    return None
