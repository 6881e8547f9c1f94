"""Places and variables of this very process, which needs no privilege."""

import ctypes
import mmap
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tracer.model.kinds import Kind
from tracer.model.stacks import NO_STACK
from tracer.naming.namer import Namer
from tracer.process import Process, find_process
from tracer.symbols.symbolizer import Symbolizer

PR_SET_NAME = 15
libc = ctypes.CDLL(None)
libc.pthread_self.restype = ctypes.c_ulong


class Sleeper:
    """A thread that does nothing, and where its struct pthread lies."""

    def __init__(self) -> None:
        self._started, self._over = threading.Event(), threading.Event()
        self.record = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._started.wait(10)
        self.tid = self._thread.native_id

    def _run(self) -> None:
        libc.prctl(PR_SET_NAME, b"sleeper")
        self.record = libc.pthread_self()
        self._started.set()
        self._over.wait()

    def end(self) -> None:
        self._over.set()
        self._thread.join(10)


@pytest.fixture
def sleeper() -> Iterator[Sleeper]:
    found = Sleeper()
    yield found
    found.end()


@pytest.fixture(scope="module")
def process() -> Process:
    return find_process(os.getpid())


def watching(process: Process) -> Namer:
    symbolizer = Symbolizer()
    symbolizer.watch(process.pid)
    namer = Namer(symbolizer, [process], True)
    namer.watch(process.pid)
    return namer


@pytest.mark.parametrize("other_namespace", [False, True])
def test_threads(process: Process, sleeper: Sleeper, other_namespace: bool) -> None:
    namer = watching(replace(process, other_namespace=other_namespace))

    def name(address: int, kind: Kind = Kind.MUTEX) -> str:
        return namer.lock(process.pid, address, kind, 0, NO_STACK).name

    assert name(sleeper.record, Kind.JOIN) == f"thread sleeper/{sleeper.tid}'s join"
    assert name(sleeper.record + 720, Kind.JOIN) == f"thread sleeper/{sleeper.tid}'s join"
    assert name(sleeper.record + 64) == f"thread sleeper/{sleeper.tid}'s own lock"
    assert name(sleeper.record - 20_000) == f"lock on the stack of sleeper/{sleeper.tid}"


def test_a_thread_that_has_ended_is_not_named(process: Process) -> None:
    ended = Sleeper()
    ended.end()
    lock = watching(process).lock(process.pid, ended.record, Kind.JOIN, 0, NO_STACK)
    assert lock.name == lock.identity == "joined thread"


def test_a_thread_that_was_seen_before_it_ended_is_an_example(process: Process) -> None:
    namer, ended = watching(process), Sleeper()
    living = namer.lock(process.pid, ended.record, Kind.JOIN, 0, NO_STACK)
    ended.end()
    lock = namer.lock(process.pid, ended.record, Kind.JOIN, 0, NO_STACK)
    assert living.name == f"thread sleeper/{ended.tid}'s join"
    assert lock.name == f"joined thread, such as sleeper/{ended.tid}"
    assert lock.identity == living.identity == "joined thread"


def test_the_first_threads_stack(process: Process) -> None:
    lines = Path("/proc/self/maps").read_text().splitlines()
    (stack,) = (line for line in lines if line.endswith("[stack]"))
    top = int(stack.split()[0].split("-")[1], 16)
    lock = watching(process).lock(process.pid, top - 4096, Kind.MUTEX, 0, NO_STACK)
    assert lock.name.startswith("lock on the stack of ")
    assert lock.name.endswith(f"/{process.pid}")
    assert lock.identity == "lock on a stack"


def test_a_variable_of_the_dynamic_loader(process: Process) -> None:
    address = ctypes.addressof(ctypes.c_char.in_dll(libc, "_rtld_global"))
    lock = watching(process).lock(process.pid, address + 0x908, Kind.MUTEX, 0, NO_STACK)
    assert "_rtld_global" in lock.name
    assert lock.identity == "ld-linux-x86-64.so.2:_rtld_global+0x908"


def test_a_mapped_file(process: Process, tmp_path: Path) -> None:
    file = tmp_path / "shared; state"
    file.write_bytes(bytes(3 * mmap.PAGESIZE))
    with file.open("r+b") as opened, mmap.mmap(opened.fileno(), 0, offset=0) as mapped:
        here = ctypes.c_char.from_buffer(mapped)
        address = ctypes.addressof(here)
        lock = watching(process).lock(process.pid, address + 0x2040, Kind.SEM, 0, NO_STACK)
        del here
    assert lock.name == lock.identity == f"{str(file).replace(';', '?')}+0x2040"
