"""From a libvirt daemon's client object to the socket of its connection."""

import os
import re

import capstone
from capstone import x86

from tracer.process import Memory
from tracer.requests.names import AddressOf

# Each getter loads the field that it returns or passes on, from the object that it was called with.
SOCKET_GETTER = "virNetServerClientGetFD"  # client -> socket object
FD_GETTER = "virNetSocketGetFD"  # socket object -> file descriptor
GETTER_CODE = 96  # bytes
LARGEST_OBJECT = 1024

INODE = re.compile(r"socket:\[(\d+)\]")


def field_offset(code: bytes) -> int | None:
    """Offset of the first field that a function loads from its first argument."""
    machine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    machine.detail = True
    argument = {x86.X86_REG_RDI}
    for instruction in machine.disasm(code, 0):
        if instruction.id == x86.X86_INS_RET:
            return None
        if instruction.id != x86.X86_INS_MOV:
            continue
        to, source = instruction.operands
        if source.type == x86.X86_OP_REG and to.type == x86.X86_OP_REG and source.reg in argument:
            argument.add(to.reg)
        elif source.type == x86.X86_OP_MEM and source.mem.base in argument and not source.mem.index:
            offset = int(source.mem.disp)
            return offset if 0 < offset < LARGEST_OBJECT else None
    return None


class Connections:
    """Looks sockets up in the memory of the daemon."""

    def __init__(self, pid: int, memory: Memory, address_of: AddressOf) -> None:
        self._pid = pid
        self._memory = memory
        self._socket_offset = self._offset_in(address_of(SOCKET_GETTER))
        self._fd_offset = self._offset_in(address_of(FD_GETTER))

    def _offset_in(self, function: int | None) -> int | None:
        return field_offset(self._memory.read_some(function, GETTER_CODE)) if function else None

    def inode(self, client: int) -> int | None:
        """The inode of a client's socket; None when the client is gone or its layout is not known."""
        if self._socket_offset is None or self._fd_offset is None:
            return None
        socket_object = self._memory.u64(client + self._socket_offset)
        fd = self._memory.u32(socket_object + self._fd_offset) if socket_object else None
        if fd is None:
            return None
        try:
            link = os.readlink(f"/proc/{self._pid}/fd/{fd}")  # noqa: PTH115
        except OSError:
            return None
        found = INODE.fullmatch(link)
        return int(found[1]) if found else None
