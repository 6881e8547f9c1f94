"""The probes that bracket the calls of a server, and the switches of the threads that serve them."""

import ctypes
import os
import struct

from tracer.errors import FileError, MachineError
from tracer.kernel import syscalls
from tracer.kernel.programs import Module
from tracer.kernel.records import CALL, Call
from tracer.kernel.uprobe_links import open_link
from tracer.kernel.uprobes import open_uprobe
from tracer.probe.instructions import LARGEST_FUNCTION, cheapest
from tracer.process import open_mapped
from tracer.requests.server import Site

RAW_TRACEPOINT_OPEN = 17
REQUEST = struct.Struct("<Q")


class RequestProbes:
    """The request part of a loaded module. Everything is detached by `close`, or with the process.

    `linked`: links can be relied on here.
    """

    def __init__(self, module: Module, linked: bool) -> None:
        self._module = module
        self._linked = linked
        self._open: list[int] = []

    def attach(self, pid: int, sites: tuple[Site, ...]) -> None:
        """Probes a daemon. Raises LockwatchError; what was opened before stays until `close`."""
        for site in sites:
            try:
                file = open_mapped(pid, site.mapping)
            except OSError as error:
                raise FileError(
                    f"cannot open {site.mapping.path} of process {pid}: {error.strerror}"
                ) from error
            try:
                self._open.append(self._probe(file, site, pid))
            finally:
                os.close(file)

    def _probe(self, file: int, site: Site, pid: int) -> int:
        path, place = f"/proc/self/fd/{file}", site.offset + _cheapest(file, site)
        if self._linked:
            return open_link(path, place, pid, self._module.load_for_links(site.probe.program))
        return open_uprobe(path, place, pid, self._module.load(site.probe.program, "KPROBE"))

    def attach_scheduler(self) -> None:
        """Sees the CPU taken from and given to serving threads. Raises MachineError."""
        program = self._module.load("thread_switch", "RAW_TRACEPOINT")
        self._open.append(open_raw_tracepoint("sched_switch", program))

    def job_name(self, request: int) -> int | None:
        """Address of the name that the daemon has set while it served such a call; None: it has set none."""
        if not self._module.plan.parts.requests:
            return None
        found = syscalls.lookup(self._module.map_fd("job_names"), REQUEST.pack(request), REQUEST.size)
        return int(REQUEST.unpack(found)[0]) if found else None

    def open_calls(self) -> frozenset[tuple[int, int]]:
        """The calls that are being served just now, as (thread, time of dispatch)."""
        items = syscalls.items(self._module.map_fd("calls"), 4, CALL.size)
        calls = (
            (int.from_bytes(tid, "little"), Call._make(CALL.packing.unpack(call))) for tid, call in items
        )
        return frozenset((tid, call.dispatched) for tid, call in calls if call.request)

    def close(self) -> None:
        """Takes all probes away again; may take a tenth of a second each."""
        while self._open:
            os.close(self._open.pop())


def _cheapest(file: int, site: Site) -> int:
    """The instruction to probe, in bytes from the function's start."""
    code = os.pread(file, site.size, site.offset) if site.size <= LARGEST_FUNCTION else b""
    return cheapest(code, site.probe.arguments).offset


def open_raw_tracepoint(name: str, program: int) -> int:
    """Runs a loaded program at each hit until the returned fd is closed. Raises MachineError."""
    text = ctypes.create_string_buffer(name.encode())
    try:
        return syscalls.bpf(RAW_TRACEPOINT_OPEN, struct.pack("<QI", ctypes.addressof(text), program))
    except OSError as error:
        raise MachineError(f"the raw tracepoint {name} cannot be attached: {error.strerror}") from error
