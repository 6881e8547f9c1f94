"""Names of a real libvirtd's locks: enough of them, and none against what libvirt itself says."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from harness import Lockwatch
from libvirt_lab import Lab

from tracer.memory import Memory

SECONDS = 6
VIR_CLASS, VIR_CLASS_NAME = -16, 24
"""libvirt keeps a pointer to its own class in the private data before an object; the class holds its name."""

MORTAL = ("virDomainObj", "qemuMonitor", "virNetServerClient", "virNetSocket")
"""Classes whose objects come and go during the trace: their memory may hold something else by its end."""

PLAIN = ("virThreadPool", "virQEMUDriver", "virEventThreadData")
"""Structures that are no objects."""


@dataclass(frozen=True)
class Named:
    """The locks of a trace, and the daemon's own names of the classes of their objects at its end."""

    locks: list[dict[str, Any]]
    own_names: dict[str, str]


def own_name(memory: Memory, lock: dict[str, Any]) -> str | None:
    """What libvirt calls the class of the object that a lock lies in."""
    member = lock["identity"].split()[0].removeprefix(lock["class"])
    instance = int(lock["address"], 16) - int(member or "0x18", 16)
    vir_class = memory.u64(instance + VIR_CLASS)
    name = memory.u64(vir_class + VIR_CLASS_NAME) if vir_class else None
    return memory.c_string(name, 64) if name else None


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Named]:
    """Twenty clients that create guests; the daemon lives until its memory was looked at."""
    folder = tmp_path_factory.mktemp("names")
    file = folder / "report.json"
    options = (
        "--kinds",
        "all",
        "--mutex-probe",
        "off",
        "--duration",
        f"{SECONDS}s",
        "--quiet",
        "--json",
        file,
    )
    with Lab(folder, "--mode", "full", "--clients", "20", "--rounds", "9") as lab:
        with Lockwatch("attach", "--pid", lab.pid, *options) as lockwatch:
            lockwatch.wait_attached()
            time.sleep(0.5)
            lab.go()
            outcome = lockwatch.wait()
        assert outcome.status == 0, outcome.said
        locks = json.loads(Path(file).read_text())["locks"]
        memory = Memory(lab.pid)
        found = {lock["address"]: own_name(memory, lock) for lock in locks if is_object(lock)}
        yield Named(locks, {address: name for address, name in found.items() if name})


def is_object(lock: dict[str, Any]) -> bool:
    """libvirt's objects."""
    name = lock["class"]
    return name is not None and name.startswith(("vir", "qemu")) and name not in PLAIN


def test_nearly_all_contention_has_a_name(named: Named) -> None:
    contended = [lock for lock in named.locks if lock["contention"]]
    total = sum(lock["wait_ns"] for lock in contended)
    unnamed = sum(lock["wait_ns"] for lock in contended if "first waited for in" in lock["name"])
    assert total > 0
    assert unnamed <= 0.01 * total, [lock["name"] for lock in contended if "first waited" in lock["name"]]


def test_no_name_is_wrong(named: Named) -> None:
    lasting = {
        lock["address"]: lock["class"]
        for lock in named.locks
        if is_object(lock) and lock["address"] in named.own_names and lock["class"] not in MORTAL
    }
    assert "virSecurityManager" in lasting.values()
    assert lasting == {address: named.own_names[address] for address in lasting}


def test_domains_have_their_own_names(named: Named) -> None:
    names = [lock["name"] for lock in named.locks if lock["class"] == "virDomainObj"]
    assert any(name.startswith('virDomainObj "lab-') for name in names)
    assert all(name == "virDomainObj" or name.startswith('virDomainObj "lab-') for name in names)
    identities = {lock["identity"] for lock in named.locks if lock["class"] == "virDomainObj"}
    assert not any("lab-" in identity for identity in identities)


def test_thread_pools_have_the_name_of_their_job(named: Named) -> None:
    pools = {lock["name"] for lock in named.locks if lock["class"] == "virThreadPool"}
    assert 'virThreadPool "rpc-libvirtd" cond' in pools
