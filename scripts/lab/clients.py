"""The load: parallel clients that define, create, ask, destroy and undefine domains, and time each call."""

import ctypes
import multiprocessing
import queue
import signal
import threading
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier, Event
from typing import Any, NamedTuple

import libvirt

DOMAIN = """<domain type='qemu'>
  <name>{name}</name><uuid>{uuid}</uuid>
  <memory unit='MiB'>32</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
  </devices>
</domain>"""

QUERIES_A_ROUND = 5
SHARED_DOMAIN = "lab-shared"
KILL_AFTER_SECONDS = 0.2
KILLED_CLIENTS = 3
PR_SET_PDEATHSIG = 1
FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Load:
    """What each client does. `seconds` bounds a run: no round starts after it."""

    uri: str
    mode: str
    rounds: int
    seconds: float
    shared_connection: bool
    kill_clients: bool


class Call(NamedTuple):
    """When it began (CLOCK_MONOTONIC), and its latency: ns."""

    started_ns: int
    ns: int


@dataclass
class Timings:
    """The calls that succeeded and those that failed, by API."""

    good: dict[str, list[Call]] = field(default_factory=lambda: defaultdict(list))
    failed: dict[str, list[Call]] = field(default_factory=lambda: defaultdict(list))
    messages: dict[str, str] = field(default_factory=dict)

    def call(self, api: str, function: Any, *arguments: Any) -> Any:
        """Makes one call and times it. None when it failed."""
        started = time.monotonic_ns()
        try:
            result = function(*arguments)
        except libvirt.libvirtError as error:
            self.failed[api].append(Call(started, time.monotonic_ns() - started))
            self.messages.setdefault(api, str(error))
            return None
        self.good[api].append(Call(started, time.monotonic_ns() - started))
        return result

    def add(self, other: "Timings") -> None:
        for api, calls in other.good.items():
            self.good[api] += calls
        for api, calls in other.failed.items():
            self.failed[api] += calls
        self.messages.update(other.messages)


def stop_with_parent() -> None:
    """A client ends with the lab, even when that is killed, and leaves the signals of a terminal to it."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def guest_life(timings: Timings, domain: Any) -> None:
    created = timings.call(
        "virDomainCreateWithFlags", domain.createWithFlags, libvirt.VIR_DOMAIN_START_PAUSED
    )
    if created is not None:
        timings.call("virDomainGetInfo", domain.info)
        timings.call("virDomainDestroy", domain.destroy)


def queries(timings: Timings, connection: Any, domain: Any, name: str) -> None:
    for _ in range(QUERIES_A_ROUND):
        timings.call("virConnectListAllDomains", connection.listAllDomains)
        timings.call("virDomainGetXMLDesc", domain.XMLDesc, 0)
        timings.call("virDomainGetInfo", domain.info)
        timings.call("virDomainLookupByName", connection.lookupByName, name)


def jobs_round(timings: Timings, connection: Any) -> None:
    """Changes a guest that all clients share: each change is a job, and a domain has one job at a time."""
    domain = timings.call("virDomainLookupByName", connection.lookupByName, SHARED_DOMAIN)
    if domain is not None:
        timings.call("virDomainResume", domain.resume)
        timings.call("virDomainSuspend", domain.suspend)


def create_shared(load: Load) -> None:
    connection = libvirt.open(load.uri)
    domain = connection.defineXML(DOMAIN.format(name=SHARED_DOMAIN, uuid=uuid.uuid4()))
    domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
    connection.close()


def one_round(load: Load, timings: Timings, connection: Any, name: str) -> None:
    if load.mode == "jobs":
        jobs_round(timings, connection)
        return
    xml = DOMAIN.format(name=name, uuid=uuid.uuid4())
    domain = timings.call("virDomainDefineXML", connection.defineXML, xml)
    if domain is None:
        return
    if load.mode == "full":
        guest_life(timings, domain)
    elif load.mode == "query":
        queries(timings, connection, domain, name)
    timings.call("virDomainUndefine", domain.undefine)


def all_rounds(load: Load, timings: Timings, connection: Any, client: str, deadline: float) -> None:
    for number in range(load.rounds):
        if time.monotonic() > deadline:
            return
        one_round(load, timings, connection, f"lab-{client}-{number}")


def warm_up(load: Load) -> None:
    """The first definition makes libvirtd probe QEMU, for most of a second; makes the shared guest."""
    process = FORK.Process(target=first_client, args=(load,), daemon=True)
    process.start()
    process.join()


def first_client(load: Load) -> None:
    stop_with_parent()
    if load.mode == "jobs":
        create_shared(load)
        return
    connection = libvirt.open(load.uri)
    one_round(load, Timings(), connection, "lab-warm-up")
    connection.close()


def client_process(
    load: Load, threads: int, label: str, start: Barrier, done: "Queue[Timings]", go_on: Event
) -> None:
    """One connection, used by `threads` threads at once."""
    stop_with_parent()
    libvirt.registerErrorHandler(lambda *_: None, None)
    connection = libvirt.open(load.uri)
    total = [Timings() for _ in range(threads)]
    start.wait()
    deadline = time.monotonic() + load.seconds
    workers = [
        threading.Thread(target=all_rounds, args=(load, timings, connection, f"{label}-{number}", deadline))
        for number, timings in enumerate(total)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for timings in total[1:]:
        total[0].add(timings)
    done.put(total[0])
    go_on.wait()
    connection.close()


def endless_client(load: Load, label: str) -> None:
    stop_with_parent()
    connection = libvirt.open(load.uri)
    while True:
        one_round(load, Timings(), connection, f"lab-{label}")


def kill_in_mid_call(load: Load, label: str) -> None:
    """A client that is killed while the server works on its call."""
    process = FORK.Process(target=endless_client, args=(load, label), daemon=True)
    process.start()
    time.sleep(KILL_AFTER_SECONDS)
    process.kill()
    process.join()


@dataclass(frozen=True)
class Run:
    """One run: its timings, its length and the CLOCK_MONOTONIC times it lay between (ns)."""

    clients: int
    started_ns: int
    ended_ns: int
    timings: Timings


def collect(processes: list[Any], done: "Queue[Timings]") -> Timings:
    """The timings of all clients. A client that died without any is noticed."""
    total, missing = Timings(), len(processes)
    while missing:
        try:
            total.add(done.get(timeout=1.0))
            missing -= 1
        except queue.Empty:
            missing = min(missing, sum(process.is_alive() for process in processes))
    return total


def run(load: Load, clients: int) -> Run:
    """Runs `clients` parallel clients to their end, and leaves no process behind."""
    shape = [clients] if load.shared_connection else [1] * clients
    start, go_on = FORK.Barrier(len(shape) + 1, timeout=60), FORK.Event()
    done: Queue[Timings] = FORK.Queue()
    processes = [
        FORK.Process(
            target=client_process, args=(load, threads, f"{clients}-{i}", start, done, go_on), daemon=True
        )
        for i, threads in enumerate(shape)
    ]
    try:
        for process in processes:
            process.start()
        start.wait()
        started = time.monotonic_ns()
        if load.kill_clients:
            for number in range(KILLED_CLIENTS):
                kill_in_mid_call(load, f"killed-{clients}-{number}")
        timings = collect(processes, done)
        ended = time.monotonic_ns()
        go_on.set()
        for process in processes:
            process.join(10)
    finally:
        for process in processes:
            if process.is_alive():
                process.kill()
                process.join()
    return Run(clients, started, ended, timings)
