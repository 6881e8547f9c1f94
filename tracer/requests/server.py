"""A libvirt daemon as a target: the functions that bracket its calls, and where they are probed."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass

from tracer.process import Mapping, Process, read_mappings
from tracer.requests.likely import LIBRARY
from tracer.requests.names import has_tables
from tracer.symbols.symbolizer import Symbolizer

# Exported by libvirt.so, with the BPF program that runs at each. In the order of attaching: a call must not
# be opened before its end is seen.
BRACKETS = {
    "virNetServerClientSendMessage": "reply_queued",
    "virNetServerProgramDispatch": "call_dispatched",
    "virNetMessageDecodeHeader": "message_decoded",
}
# Where the daemon exports no tables, it says the name of each call here.
JOB_NAMES = {"virThreadJobSet": "job_named"}

DAEMON = re.compile(r"libvirtd|virt\w+d")


@dataclass(frozen=True, slots=True)
class Site:
    """An instruction to probe: a mapped file, the offset in it, and the BPF program to run."""

    mapping: Mapping
    offset: int
    program: str


AddressOf = Callable[[str], "int | None"]


def daemon_exports(symbolizer: Symbolizer, process: Process) -> AddressOf:
    """Looks exported names up in the program itself and in libvirt's library: no other file is read."""
    files = [
        (mapping, module)
        for mapping, module in symbolizer.modules(process.pid)
        if mapping.path == process.exe or os.path.basename(mapping.path).startswith(LIBRARY)  # noqa: PTH119
    ]

    def address_of(name: str) -> int | None:
        for mapping, module in files:
            export, bias = module.exports.find(name), module.bias(mapping)
            if export is not None and bias is not None:
                return bias + export.address
        return None

    return address_of


def sites(process: Process, address_of: AddressOf) -> tuple[Site, ...]:
    """Where the calls of a libvirt daemon are seen, in the order of attaching; () when it is none.

    A client of libvirt maps the same library: the tables, or else the name, tell the daemon.
    Raises TargetError when the process is gone.
    """
    tables = has_tables(address_of)
    if not tables and not DAEMON.fullmatch(process.comm):
        return ()
    wanted = BRACKETS if tables else JOB_NAMES | BRACKETS
    mappings = read_mappings(process.pid)
    found = [_site(mappings, address_of(name), program) for name, program in wanted.items()]
    complete = [site for site in found if site is not None]
    return tuple(complete) if len(complete) == len(wanted) else ()


def _site(mappings: tuple[Mapping, ...], address: int | None, program: str) -> Site | None:
    if address is None:
        return None
    for mapping in mappings:
        if mapping.executable and mapping.start <= address < mapping.end:
            return Site(mapping, address - mapping.start + mapping.offset, program)
    return None
