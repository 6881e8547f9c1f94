"""What `--requests` asks for: auto, off, libvirt, or a pattern of function names."""

from collections.abc import Sequence

from tracer.config import AUTO, LIBVIRT, OFF
from tracer.errors import TargetError
from tracer.process import Process
from tracer.requests.pattern import Pattern
from tracer.requests.server import Site, daemon_exports, sites
from tracer.symbols.symbolizer import Symbolizer


def pattern_of(requests: str) -> Pattern | None:
    """The pattern, where one is asked for. Raises UsageError for an empty one."""
    return None if requests in (AUTO, OFF, LIBVIRT) else Pattern(requests)


def daemon_sites(
    requests: str, processes: Sequence[Process], symbolizer: Symbolizer
) -> dict[int, tuple[Site, ...]]:
    """Where calls are seen, by the pid of each libvirt daemon.

    Raises TargetError where libvirt's calls are asked for and no process serves them.
    """
    if requests not in (AUTO, LIBVIRT):
        return {}
    found = {process.pid: sites(process, daemon_exports(symbolizer, process)) for process in processes}
    daemons = {pid: where for pid, where in found.items() if where}
    if requests == LIBVIRT and not daemons:
        named = ", ".join(f"{process.comm} ({process.pid})" for process in processes)
        raise TargetError(f"no daemon of libvirt: {named}", "--requests PATTERN works for any server")
    return daemons
