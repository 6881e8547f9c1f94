"""Unread bytes in another process's unix sockets, from the kernel: the process is not touched."""

import errno
import os
import socket
import struct
from collections.abc import Iterator

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST, NLM_F_DUMP = 1, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
STATES_ESTABLISHED = 1 << 1
UDIAG_SHOW_RQLEN = 0x10
UNIX_DIAG_RQLEN = 4
BUFFER = 1 << 18

_message = struct.Struct("<IHHII")  # length, type, flags, sequence, port
_request = struct.Struct("<BBHIIIII")  # family, protocol, pad, states, inode, show, cookie
_answer = struct.Struct("<BBBBIII")  # family, type, state, pad, inode, cookie
_attribute = struct.Struct("<HH")  # length, type


class UnreadBytes:
    """Sees the network namespace of the thread that makes it. Raises OSError without unix_diag."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG)
        self._socket.bind((0, 0))
        self._socket.settimeout(1.0)
        request = _request.pack(socket.AF_UNIX, 0, 0, STATES_ESTABLISHED, 0, UDIAG_SHOW_RQLEN, 0, 0)
        flags = NLM_F_REQUEST | NLM_F_DUMP
        self._dump = _message.pack(_message.size + len(request), SOCK_DIAG_BY_FAMILY, flags, 1, 0) + request

    def read(self) -> dict[int, int]:
        """Socket inode -> unread bytes, of every connected unix socket that has any. Raises OSError."""
        self._socket.send(self._dump)
        found: dict[int, int] = {}
        while True:
            for kind, body in messages(self._socket.recv(BUFFER)):
                if kind == NLMSG_DONE:
                    return found
                if kind == NLMSG_ERROR:
                    number = -struct.unpack_from("<i", body)[0] or errno.EIO
                    raise OSError(number, os.strerror(number))
                inode, unread = unread_of(body)
                if unread:
                    found[inode] = unread

    def close(self) -> None:
        self._socket.close()


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _message.size <= len(data):
        length, kind, _flags, _sequence, _port = _message.unpack_from(data, at)
        if length < _message.size:
            return
        yield kind, data[at + _message.size : at + length]
        at += length + 3 & ~3


def unread_of(body: bytes) -> tuple[int, int]:
    """(inode, unread bytes) of one socket's answer."""
    if len(body) < _answer.size:
        return 0, 0
    inode = _answer.unpack_from(body)[4]
    at = _answer.size
    while at + _attribute.size <= len(body):
        length, kind = _attribute.unpack_from(body, at)
        if kind == UNIX_DIAG_RQLEN and at + 8 <= len(body):
            return inode, struct.unpack_from("<I", body, at + _attribute.size)[0]
        at += max(length + 3 & ~3, _attribute.size)
    return inode, 0
