"""The probe by itself on a test program: its own compiled part, without the futex hooks."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tracer.bpf_files import bpf_folder
from tracer.config import ProbeMode
from tracer.kernel import compiler
from tracer.kernel.plan import Parts, Plan
from tracer.kernel.probe import MutexProbe
from tracer.kernel.programs import Module
from tracer.probe.site import Site, find_sites
from tracer.process import read_mappings

BUDGET = 0.02
BREAKPOINT = 0xCC
UPROBE_EVENTS = Path("/sys/kernel/tracing/uprobe_events")


def compile_probe() -> Module:
    """The probe's part as a module of its own."""
    names = ("lockwatch.h", "ids.h", "probe.bpf.c")
    text = "\n".join((bpf_folder() / name).read_text() for name in names)
    plan = Plan(Parts(probe=True))
    return Module(compiler.compile_module(text, plan.definitions()), plan)


@contextmanager
def probing(pid: int, mode: ProbeMode, budget: float = BUDGET) -> Iterator[MutexProbe]:
    """A probe that has been started."""
    probe = MutexProbe(compile_probe(), [pid], mode, budget)
    try:
        probe.start()
        yield probe
    finally:
        probe.close()


class Watched:
    """The probed instruction in a process's memory."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        sites = find_sites(pid)
        assert len(sites) == 1
        self._site: Site = sites[0]
        self.address = next(
            mapping.start + self._site.offset - mapping.offset
            for mapping in read_mappings(pid)
            if mapping.executable
            and mapping.inode == self._site.inode
            and mapping.offset <= self._site.offset < mapping.offset + mapping.end - mapping.start
        )

    @property
    def trapped(self) -> bool:
        """There is a breakpoint where the file has none."""
        memory = os.open(f"/proc/{self.pid}/mem", os.O_RDONLY)
        try:
            return os.pread(memory, 1, self.address)[0] == BREAKPOINT
        finally:
            os.close(memory)

    def close(self) -> None:
        os.close(self._site.fd)


@contextmanager
def watched(pid: int) -> Iterator[Watched]:
    site = Watched(pid)
    try:
        yield site
    finally:
        site.close()


def events_of(pid: int) -> list[str]:
    """The uprobe events that a lockwatch of this pid has defined and not removed."""
    return [line for line in UPROBE_EVENTS.read_text().splitlines() if f"/p{pid}_" in line]


def taken(account: dict[str, Any]) -> dict[tuple[int, int], int]:
    """What tests/workloads/rate.c says that it took: by (pid, mutex)."""
    return {(account["pid"], int(each["address"], 16)): each["taken"] for each in account["mutexes"]}
