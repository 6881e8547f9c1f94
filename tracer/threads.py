"""Names of a target's threads, also of those that have ended, and the ids that its locks know them by."""

import contextlib
from pathlib import Path

from tracer.model.locks import Thread
from tracer.process import Process, thread_ids, thread_name


class Threads:
    """The threads of one process, remembered from when they were first seen."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._names: dict[int, str] = {}
        self._by_own_id: dict[int, int] = {}
        self._seen: dict[int, tuple[bytes, Thread]] = {}

    def saw(self, tid: int, comm: bytes) -> Thread:
        """A thread under the name that the kernel has just given for it, at most 15 bytes and NULs."""
        known = self._seen.get(tid)
        if known is None or known[0] != comm:
            name = comm.split(b"\0", 1)[0].decode(errors="replace")
            known = self._seen[tid] = (comm, Thread(self._process.pid, tid, name))
            self._names[tid] = name
        return known[1]

    def thread(self, tid: int) -> Thread:
        """A thread under its last known name."""
        name = self._names.get(tid)
        if name is None:
            name = self._names[tid] = thread_name(self._process.pid, tid) or "?"
        return Thread(self._process.pid, tid, name)

    def owner(self, own_id: int) -> Thread | None:
        """The thread that a lock names by an id of the process's own namespace; None for no thread of it."""
        tid = own_id
        if self._process.other_namespace:
            tid = self._by_own_id.get(own_id, 0)
            if not tid:
                self._read_own_ids()
                tid = self._by_own_id.get(own_id, 0)
        if tid not in self._names and not self._exists(tid):
            return None
        return self.thread(tid)

    def _exists(self, tid: int) -> bool:
        return tid > 0 and Path(f"/proc/{self._process.pid}/task/{tid}").exists()

    def _read_own_ids(self) -> None:
        for tid in thread_ids(self._process.pid):
            with contextlib.suppress(OSError, ValueError, StopIteration):
                status = Path(f"/proc/{self._process.pid}/task/{tid}/status").read_text()
                line = next(line for line in status.splitlines() if line.startswith("NSpid:"))
                self._by_own_id[int(line.split()[-1])] = tid
