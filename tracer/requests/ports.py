"""The sockets of a process, and the TCP ports that it listens on."""

import os
import re
from contextlib import suppress
from pathlib import Path

LISTENS = "0A"  # the state's number in /proc/PID/net/tcp
SOCKET = re.compile(r"socket:\[(\d+)\]")


def socket_inode(pid: int, fd: int) -> int | None:
    """The inode of the socket that a file descriptor is; None where it is none, or gone."""
    try:
        found = SOCKET.fullmatch(os.readlink(f"/proc/{pid}/fd/{fd}"))  # noqa: PTH115
    except OSError:
        return None
    return int(found[1]) if found else None


def listening_ports(pid: int) -> list[int]:
    """In its own network namespace; none of a process that is gone."""
    inodes = set(_sockets(pid))
    listening: set[int] = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
            listening |= {port for port, inode in filter(None, map(_listener, lines)) if inode in inodes}
    return sorted(listening)


def _sockets(pid: int) -> list[int]:
    try:
        fds = [int(name) for name in os.listdir(f"/proc/{pid}/fd")]  # noqa: PTH208
    except OSError:
        return []
    return [inode for fd in fds if (inode := socket_inode(pid, fd)) is not None]


def _listener(line: str) -> tuple[int, int] | None:
    """(port, inode) of a socket that listens: fields 1, 3 and 9 are its address, state and inode."""
    fields = line.split()
    if len(fields) < 10 or fields[3] != LISTENS:
        return None
    return int(fields[1].rpartition(":")[2], 16), int(fields[9])
