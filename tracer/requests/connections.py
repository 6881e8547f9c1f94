"""From a libvirt daemon's client object to the socket of its connection."""

from collections.abc import Iterator
from enum import Enum, auto
from itertools import takewhile
from typing import NamedTuple

import capstone
from capstone import x86

from tracer.process import Memory
from tracer.requests.names import AddressOf
from tracer.requests.ports import socket_inode

# Each getter reads the fields that it is about, from the object that it was called with.
SOCKET_GETTER = "virNetServerClientGetFD"  # client -> socket object
FD_GETTER = "virNetSocketGetFD"  # socket object -> file descriptor
TLS_GETTER = "virNetServerClientHasTLSSession"  # client -> TLS session
SECURITY_GETTER = "virNetServerClientIsSecure"  # client -> TLS and SASL sessions, then the socket object
GETTER_CODE = 128  # bytes
LARGEST_OBJECT = 1024
KEPT_BY_CALLS = {
    x86.X86_REG_RBX,
    x86.X86_REG_RBP,
    x86.X86_REG_R12,
    x86.X86_REG_R13,
    x86.X86_REG_R14,
    x86.X86_REG_R15,
}


def fields_read(code: bytes) -> Iterator[int]:
    """Offsets of the fields that a function reads from its first argument, in the order of its code.

    It ends where nothing before has jumped beyond a return, and at what cannot be an object's field.
    """
    machine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    machine.detail = True
    argument, farthest = {x86.X86_REG_RDI}, 0
    for instruction in machine.disasm(code, 0):
        if instruction.id == x86.X86_INS_RET and instruction.address >= farthest:
            return
        if instruction.id == x86.X86_INS_CALL:
            argument &= KEPT_BY_CALLS
        elif instruction.group(x86.X86_GRP_JUMP) and instruction.operands[0].type == x86.X86_OP_IMM:
            farthest = max(farthest, int(instruction.operands[0].imm))
        elif instruction.id in (x86.X86_INS_MOV, x86.X86_INS_CMP):
            to, source = instruction.operands
            for operand in (to, source):
                if operand.type == x86.X86_OP_MEM and operand.mem.base in argument and not operand.mem.index:
                    if not 0 < operand.mem.disp < LARGEST_OBJECT:
                        return
                    yield int(operand.mem.disp)
            if instruction.id == x86.X86_INS_MOV and to.type == x86.X86_OP_REG:
                copies = source.type == x86.X86_OP_REG and source.reg in argument
                argument = argument | {to.reg} if copies else argument - {to.reg}


def field_offset(code: bytes) -> int | None:
    """Offset of the first of them."""
    return next(fields_read(code), None)


class Security(Enum):
    """What makes the bytes of a connection over a network more than those of its messages."""

    NONE = auto()
    TLS = auto()
    SASL = auto()


class Socket(NamedTuple):
    """A client's socket."""

    inode: int
    security: Security


class Connections:
    """Looks sockets up in the memory of the daemon."""

    def __init__(self, pid: int, memory: Memory, address_of: AddressOf) -> None:
        self._pid = pid
        self._memory = memory
        self._socket_offset = self._offset_in(address_of(SOCKET_GETTER))
        self._fd_offset = self._offset_in(address_of(FD_GETTER))
        self._tls_offset = self._offset_in(address_of(TLS_GETTER))
        self._session_offsets = self._sessions(address_of(SECURITY_GETTER))

    def _offset_in(self, function: int | None) -> int | None:
        return field_offset(self._memory.read_some(function, GETTER_CODE)) if function else None

    def _sessions(self, function: int | None) -> tuple[int, ...]:
        """Of the sessions, of either sort, that a secured connection has: they are read before its socket."""
        read = fields_read(self._memory.read_some(function, GETTER_CODE)) if function else ()
        return tuple(takewhile(lambda offset: offset != self._socket_offset, read))

    def socket(self, client: int) -> Socket | None:
        """A client's socket; None when the client is gone or its layout is not known."""
        if self._socket_offset is None or self._fd_offset is None:
            return None
        socket_object = self._memory.u64(client + self._socket_offset)
        fd = self._memory.u32(socket_object + self._fd_offset) if socket_object else None
        inode = socket_inode(self._pid, fd) if fd is not None else None
        if inode is None:
            return None
        return Socket(inode, self._security_of(client))

    def _security_of(self, client: int) -> Security:
        if self._tls_offset is not None and self._memory.u64(client + self._tls_offset):
            return Security.TLS
        secured = any(self._memory.u64(client + offset) for offset in self._session_offsets)
        return Security.SASL if secured else Security.NONE
