"""Where a daemon's calls are probed, by what the process exports and is called."""

import os

import pytest

from tracer.process import Process, read_mappings
from tracer.requests.server import BRACKETS, JOB_NAMES, Place, PlaceOf, sites

TABLE = {"remoteProcs": Place(0x1000, 8)}


def process(comm: str) -> Process:
    """This very process, under another name."""
    return Process(os.getpid(), comm, "/usr/sbin/libvirtd", 1, 0, 0, False)


def code_address() -> int:
    """An address 16 bytes into some code of this process."""
    return next(mapping.start for mapping in read_mappings(os.getpid()) if mapping.executable) + 16


def exporting(*names: str, tables: bool) -> PlaceOf:
    places = dict.fromkeys(names, Place(code_address(), 32)) | (TABLE if tables else {})
    return places.get


def test_daemon_with_tables_is_probed_at_three_functions() -> None:
    found = sites(process("server"), exporting(*BRACKETS, tables=True))
    assert [site.probe.program for site in found] == ["reply_queued", "call_dispatched", "message_decoded"]
    for site in found:
        assert (site.offset, site.size) == (site.mapping.offset + 16, 32)


@pytest.mark.parametrize("comm", ["libvirtd", "virtqemud", "virtnetworkd"])
def test_daemon_without_tables_also_says_its_names(comm: str) -> None:
    found = sites(process(comm), exporting(*BRACKETS, *JOB_NAMES, tables=False))
    assert found[0].probe.program == "job_named"
    assert len(found) == 4


@pytest.mark.parametrize("comm", ["virsh", "virt-manager", "python3"])
def test_client_of_libvirt_is_no_daemon(comm: str) -> None:
    assert sites(process(comm), exporting(*BRACKETS, *JOB_NAMES, tables=False)) == ()


def test_library_that_lacks_a_function_is_not_probed_in_part() -> None:
    assert sites(process("libvirtd"), exporting(*list(BRACKETS)[:2], tables=True)) == ()


def test_address_outside_of_any_code_is_no_site() -> None:
    assert sites(process("libvirtd"), lambda name: Place(0x1000, 8)) == ()
