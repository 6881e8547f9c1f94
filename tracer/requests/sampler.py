"""Samples of the unread bytes of a daemon's connections, by a thread of its own."""

import ctypes
import os
import threading
import time
from collections import defaultdict, deque
from contextlib import closing

from tracer.courtesy import give_way
from tracer.requests.ports import listening_ports
from tracer.requests.sockdiag import UnreadBytes
from tracer.requests.throttle import Sample

INTERVAL_SECONDS = 0.01
QUIET_INTERVAL_SECONDS = 0.05  # where nothing was unread
SHARE = 50  # looks take at most one part in so many of a CPU: a machine may have a great many sockets
LONGEST_LOOK_NS = 1_000_000_000
SAMPLES_KEPT = 1 << 16  # of each socket with unread bytes: eleven minutes of them
CLONE_NEWNET = 0x40000000


class Sampler:
    """Keeps samples of sockets with unread bytes, and the first without.

    `connections`: the inodes of the daemon's TCP connections. `failure`: what cannot be seen, and why.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._samples: dict[int, deque[Sample]] = defaultdict(lambda: deque(maxlen=SAMPLES_KEPT))
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="unread-bytes", daemon=True)
        self._before = 0
        self._filled: set[int] = set()
        self.connections: frozenset[int] = frozenset()
        self.failure: str | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(2)

    def take(self, inode: int, until: int) -> list[Sample]:
        """Removes and returns a socket's samples up to a time (CLOCK_MONOTONIC ns), in order."""
        with self._lock:
            waiting, taken = self._samples.get(inode), []
            while waiting and waiting[0].time <= until:
                taken.append(waiting.popleft())
        return taken

    def oldest(self, inode: int) -> int:
        """When the first of a socket's samples was taken that are still here, or will be at the earliest."""
        with self._lock:
            waiting = self._samples.get(inode)
            return waiting[0].time if waiting else time.monotonic_ns() - LONGEST_LOOK_NS

    def forget(self, before: int) -> None:
        """Drops older samples: nobody has asked for their sockets, which are not the daemon's."""
        with self._lock:
            for inode, samples in list(self._samples.items()):
                while samples and samples[0].time < before:
                    samples.popleft()
                if not samples:
                    del self._samples[inode]

    def _run(self) -> None:
        give_way()
        try:
            enter_network_namespace(self._pid)
            with closing(UnreadBytes(listening_ports(self._pid))) as sockets:
                self._watch(sockets)
        except OSError as error:
            self.failure = f"unread bytes of sockets cannot be seen: {error.strerror}"

    def _watch(self, sockets: UnreadBytes) -> None:
        took = 0.0
        while not self._stop.wait(
            max(INTERVAL_SECONDS if self._filled else QUIET_INTERVAL_SECONDS, SHARE * took)
        ):
            began = time.thread_time()
            self._sample(sockets)
            took = time.thread_time() - began
            if sockets.refused is not None:
                self.failure = f"unread bytes of TCP connections cannot be seen: {sockets.refused.strerror}"

    def _sample(self, sockets: UnreadBytes) -> None:
        now = time.monotonic_ns()
        before, self._before = self._before or now, now
        found = sockets.read()
        self.connections = sockets.connections
        emptied = self._filled - found.keys()
        self._filled = set(found)
        with self._lock:
            for inode, unread in found.items():
                self._samples[inode].append(Sample(before, now, unread))
            for inode in emptied:
                self._samples[inode].append(Sample(before, now, 0))


def enter_network_namespace(pid: int) -> None:
    """Moves the calling thread, and no other, into the network namespace of a process. Raises OSError."""
    path = f"/proc/{pid}/ns/net"
    theirs, ours = os.stat(path), os.stat("/proc/self/ns/net")  # noqa: PTH116
    if (theirs.st_dev, theirs.st_ino) == (ours.st_dev, ours.st_ino):
        return
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(fd)
