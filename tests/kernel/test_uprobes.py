"""Both ways to probe a function: every thread of a process, from its beginning, and no other process."""

import os
from collections.abc import Callable, Iterator

import pytest
from harness import Build, Program
from probing import compile_probe, taken, watched

from tracer.errors import TargetError
from tracer.kernel.probe_maps import ProbeMaps
from tracer.kernel.programs import Module
from tracer.kernel.uprobe_links import LinkTrial, open_link
from tracer.kernel.uprobes import open_uprobe
from tracer.probe.site import Site, find_sites

# bcc warns of its own use of text where it wants bytes.
pytestmark = pytest.mark.filterwarnings("ignore:not a bytes object:DeprecationWarning")

PROGRAM = "mutex_taken"
NO_PROCESS = 1 << 22

Probe = Callable[[Module, Site, int], int]


def by_event(module: Module, site: Site, pid: int) -> int:
    return open_uprobe(site.path, site.offset, pid, module.load(PROGRAM, "KPROBE"))


def by_link(module: Module, site: Site, pid: int) -> int:
    return open_link(site.path, site.offset, pid, module.load_for_links(PROGRAM))


@pytest.fixture
def module() -> Iterator[Module]:
    compiled = compile_probe()
    yield compiled
    compiled.close()


@pytest.mark.parametrize("probe", [by_event, by_link])
def test_threads_to_come_are_counted_and_other_processes_do_not_trap(
    build: Build, module: Module, probe: Probe
) -> None:
    program = build("rate.c")
    with (
        Program([program, "1", "4", "20000"]) as probed,
        Program([program, "1", "4", "20000"]) as other,
        watched(probed.pid) as trap,
        watched(other.pid) as none,
    ):
        site, *_ = find_sites(probed.pid)
        maps, fd = ProbeMaps(module), probe(module, site, probed.pid)
        assert trap.trapped
        assert not none.trapped
        other.go()
        probed.go()
        truth = taken(probed.result())
        counted = maps.acquisitions()
        for each in (fd, site.fd):
            os.close(each)
        maps.close()
        assert {lock: counted[lock] for lock in truth} == truth
        assert {pid for pid, _ in counted} == {probed.pid}


@pytest.mark.parametrize("probe", [by_event, by_link])
def test_a_process_that_is_gone(module: Module, probe: Probe) -> None:
    site, *_ = find_sites(os.getpid())
    with pytest.raises(TargetError, match="is gone"):
        probe(module, site, NO_PROCESS)
    os.close(site.fd)


def test_a_trial_tells_of_links_what_this_kernel_does() -> None:
    """The test above holds here for links: so the trial must say so."""
    assert LinkTrial().works
