"""A libvirt daemon as a target: the functions that bracket its calls, and where they are probed."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from tracer.process import Mapping, Process, read_mappings
from tracer.requests.likely import LIBRARY
from tracer.requests.names import AddressOf, has_tables
from tracer.symbols.symbolizer import Symbolizer


@dataclass(frozen=True, slots=True)
class Probe:
    """A BPF program, and the registers of the arguments that it reads."""

    program: str
    arguments: tuple[str, ...]


# Exported by libvirt.so, with what runs at each. In the order of attaching: a call must not be opened before
# its end is seen.
BRACKETS = {
    "virNetServerClientSendMessage": Probe("reply_queued", ("rsi",)),
    "virNetServerProgramDispatch": Probe("call_dispatched", ("rdx", "rcx")),
    "virNetMessageDecodeHeader": Probe("message_decoded", ("rdi",)),
}
# Where the daemon exports no tables, it says the name of each call here.
JOB_NAMES = {"virThreadJobSet": Probe("job_named", ("rdi",))}

DAEMON = re.compile(r"libvirtd|virt\w+d")


@dataclass(frozen=True, slots=True)
class Site:
    """A function to probe: a mapped file, the offset in it, its size, and what is to run."""

    mapping: Mapping
    offset: int
    size: int
    probe: Probe


class Place(NamedTuple):
    """Of something exported, in the target."""

    address: int
    size: int


PlaceOf = Callable[[str], Place | None]


def address_of(place_of: PlaceOf) -> AddressOf:
    """For whoever wants no sizes."""

    def address(name: str) -> int | None:
        place = place_of(name)
        return place.address if place is not None else None

    return address


def daemon_exports(symbolizer: Symbolizer, process: Process) -> PlaceOf:
    """Looks exported names up in the program itself and in libvirt's library: no other file is read."""
    files = [
        (mapping, module)
        for mapping, module in symbolizer.modules(process.pid)
        if mapping.path == process.exe or os.path.basename(mapping.path).startswith(LIBRARY)  # noqa: PTH119
    ]

    def place_of(name: str) -> Place | None:
        for mapping, module in files:
            export, bias = module.exports.find(name), module.bias(mapping)
            if export is not None and bias is not None:
                return Place(bias + export.address, export.size)
        return None

    return place_of


def sites(process: Process, place_of: PlaceOf) -> tuple[Site, ...]:
    """Where the calls of a libvirt daemon are seen, in the order of attaching; () when it is none.

    A client of libvirt maps the same library: the tables, or else the name, tell the daemon.
    Raises TargetError when the process is gone.
    """
    tables = has_tables(address_of(place_of))
    if not tables and not DAEMON.fullmatch(process.comm):
        return ()
    wanted = BRACKETS if tables else JOB_NAMES | BRACKETS
    mappings = read_mappings(process.pid)
    found = [_site(mappings, place_of(name), probe) for name, probe in wanted.items()]
    complete = [site for site in found if site is not None]
    return tuple(complete) if len(complete) == len(wanted) else ()


def _site(mappings: tuple[Mapping, ...], place: Place | None, probe: Probe) -> Site | None:
    if place is None:
        return None
    for mapping in mappings:
        if mapping.executable and mapping.start <= place.address < mapping.end:
            return Site(mapping, place.address - mapping.start + mapping.offset, place.size, probe)
    return None
