"""Whether a target may serve calls of libvirt, by what it has mapped: before any file is read."""

from collections.abc import Iterable
from pathlib import PurePath

from tracer.config import AUTO, LIBVIRT
from tracer.process import read_mappings

LIBRARY = "libvirt.so"


def are_likely(requests: str, pids: Iterable[int]) -> bool:
    """Also of a client of libvirt. Raises TargetError where a process is gone."""
    return requests == LIBVIRT or (requests == AUTO and any(_maps_library(pid) for pid in pids))


def _maps_library(pid: int) -> bool:
    return any(PurePath(mapping.path).name.startswith(LIBRARY) for mapping in read_mappings(pid))
