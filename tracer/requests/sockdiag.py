"""Unread bytes in other processes' sockets, from the kernel: the processes are not touched."""

import errno
import os
import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST, NLM_F_DUMP = 1, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
STATES_ESTABLISHED = 1 << 1
UDIAG_SHOW_RQLEN = 0x10
UNIX_DIAG_RQLEN = 4
BUFFER = 1 << 18

_message = struct.Struct("<IHHII")  # length, type, flags, sequence, port
_unix_request = struct.Struct("<BBHIIIII")  # family, protocol, pad, states, inode, show, cookie
_unix_answer = struct.Struct("<BBBBIII")  # family, type, state, pad, inode, cookie
_attribute = struct.Struct("<HH")  # length, type
_port = struct.Struct(">H")
_tcp_request = struct.Struct("<BBBBI")  # family, protocol, extensions, pad, states; then a socket's addresses
TCP_ADDRESSES = 48  # bytes: the local port comes first
# Family, state, timer, retransmits; addresses; expires, unread, unsent, user, inode.
_tcp_answer = struct.Struct(f"<BBBB{TCP_ADDRESSES}xIIIII")


class Unread(NamedTuple):
    """A connected socket and its unread bytes."""

    inode: int
    bytes: int


class Dump(NamedTuple):
    """A question to the kernel, and how each of its answers is read."""

    request: bytes
    unread: Callable[[bytes], Unread]


class UnreadBytes:
    """Of all unix sockets and of the TCP connections to some local ports, in the network namespace of the
    thread that makes it.

    `refused`: why the kernel tells nothing of TCP. Raises OSError where it tells nothing at all.
    """

    def __init__(self, ports: Iterable[int] = ()) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG)
        self._socket.bind((0, 0))
        self._socket.settimeout(1.0)
        self._unix = Dump(_unix_dump(), unread_of_unix)
        self._tcp = [
            Dump(_tcp_dump(family, port), unread_of_tcp)
            for port in ports
            for family in (socket.AF_INET, socket.AF_INET6)
        ]
        self.refused: OSError | None = None
        self.connections: frozenset[int] = frozenset()
        """Inodes of the TCP connections that the last look has seen."""

    def read(self) -> dict[int, int]:
        """Socket inode -> unread bytes, of every socket that has any. Raises OSError."""
        unix, tcp = [*self._ask(self._unix)], self._ask_for_tcp()
        self.connections = frozenset(unread.inode for unread in tcp)
        return {unread.inode: unread.bytes for unread in (*unix, *tcp) if unread.bytes}

    def _ask_for_tcp(self) -> list[Unread]:
        try:
            return [unread for dump in self._tcp for unread in self._ask(dump)]
        except OSError as error:
            self.refused = error
            self._tcp = []
            return []

    def _ask(self, dump: Dump) -> Iterator[Unread]:
        self._socket.send(dump.request)
        while True:
            for kind, body in messages(self._socket.recv(BUFFER)):
                if kind == NLMSG_DONE:
                    return
                if kind == NLMSG_ERROR:
                    number = -struct.unpack_from("<i", body)[0] or errno.EIO
                    raise OSError(number, os.strerror(number))
                yield dump.unread(body)

    def close(self) -> None:
        self._socket.close()


def _dump(request: bytes) -> bytes:
    flags = NLM_F_REQUEST | NLM_F_DUMP
    return _message.pack(_message.size + len(request), SOCK_DIAG_BY_FAMILY, flags, 1, 0) + request


def _unix_dump() -> bytes:
    return _dump(_unix_request.pack(socket.AF_UNIX, 0, 0, STATES_ESTABLISHED, 0, UDIAG_SHOW_RQLEN, 0, 0))


def _tcp_dump(family: int, port: int) -> bytes:
    head = _tcp_request.pack(family, socket.IPPROTO_TCP, 0, 0, STATES_ESTABLISHED)
    return _dump(head + _port.pack(port).ljust(TCP_ADDRESSES, b"\0"))


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _message.size <= len(data):
        length, kind, _flags, _sequence, _port = _message.unpack_from(data, at)
        if length < _message.size:
            return
        yield kind, data[at + _message.size : at + length]
        at += length + 3 & ~3


def unread_of_unix(body: bytes) -> Unread:
    """One unix socket's answer; inode 0 where it is cut off."""
    if len(body) < _unix_answer.size:
        return Unread(0, 0)
    inode = _unix_answer.unpack_from(body)[4]
    at = _unix_answer.size
    while at + _attribute.size <= len(body):
        length, kind = _attribute.unpack_from(body, at)
        if kind == UNIX_DIAG_RQLEN and at + 8 <= len(body):
            return Unread(inode, struct.unpack_from("<I", body, at + _attribute.size)[0])
        at += max(length + 3 & ~3, _attribute.size)
    return Unread(inode, 0)


def unread_of_tcp(body: bytes) -> Unread:
    """One TCP connection's answer; inode 0 where it is cut off."""
    if len(body) < _tcp_answer.size:
        return Unread(0, 0)
    unread, _unsent, _user, inode = _tcp_answer.unpack_from(body)[5:]
    return Unread(inode, unread)
