"""Blocked threads, found and unwound from outside without their registers, against gdb."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import PATIENCE, Build, Program

from tracer.blocked import BlockedThread, blocked_threads
from tracer.memory import Memory
from tracer.model.stacks import StackEnd
from tracer.unwind.memory import MAX_FRAMES, unwind_memory
from tracer.unwind.tables import Tables
from tracer.unwind.tables import build as build_tables

SHAPES = 7  # threads of shapes.c, of which one is deeper than the limit
GDB_SCRIPT = """
import gdb, json
for thread in gdb.selected_inferior().threads():
    thread.switch()
    frame, pcs = gdb.newest_frame(), []
    rbp = int(frame.read_register("rbp")) & (1 << 64) - 1
    while frame is not None and len(pcs) < 127:
        if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
            pcs.append(frame.pc())
        frame = frame.older()
    print("stack " + json.dumps([thread.ptid[1], rbp, pcs]))
"""
PYTHON_PROGRAM = """
import os, sys, threading
lock = threading.Lock()
lock.acquire()
def wait(depth):
    if depth:
        list(map(wait, [depth - 1]))
    else:
        lock.acquire()
threads = [threading.Thread(target=wait, args=(depth,), daemon=True) for depth in range(4)]
for thread in threads:
    thread.start()
print("ready", os.getpid(), flush=True)
sys.stdin.read()
"""

RESTARTED_PROGRAM = """
import os, select, sys, threading, time
lock = threading.Lock()
lock.acquire()
sleeps = [lambda: lock.acquire(timeout=1000), lambda: time.sleep(1000), lambda: select.poll().poll(1000000)]
threads = [threading.Thread(target=sleep, daemon=True) for sleep in sleeps]
for thread in threads:
    thread.start()
print("ready", os.getpid(), flush=True)
sys.stdin.read()
"""


def gdb_stacks(pid: int, folder: Path) -> dict[int, tuple[int, list[int]]]:
    """rbp and the pcs of each thread, innermost first, without the frames that only debug files know of."""
    script = folder / "stacks.py"
    script.write_text(GDB_SCRIPT)
    command = ["gdb", "-batch", "-nx", "-p", str(pid), "-x", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    stacks = [json.loads(line[6:]) for line in done.stdout.splitlines() if line.startswith("stack ")]
    return {tid: (rbp, pcs) for tid, rbp, pcs in stacks}


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_until_blocked(pid: int, count: int) -> list[BlockedThread]:
    wait_for(lambda: len(blocked_threads(pid)) >= count)
    return blocked_threads(pid)


@pytest.fixture(scope="module")
def shapes(build: Build) -> Iterator[int]:
    with Program([build("shapes.c")]) as program:
        yield program.pid


@pytest.fixture(scope="module")
def interpreter() -> Iterator[int]:
    with Program([sys.executable, "-c", PYTHON_PROGRAM]) as program:
        yield program.pid


def unwound(pid: int, tables: Tables, thread: BlockedThread, rbp: int | None) -> tuple[list[int], StackEnd]:
    pcs, end = unwind_memory(tables, Memory(pid), pid, thread.ip, thread.sp, rbp)
    return list(pcs), end


def assert_as_gdb(pid: int, threads: list[BlockedThread], folder: Path) -> None:
    tables, expected = build_tables([pid]), gdb_stacks(pid, folder)
    for thread in threads:
        rbp, pcs = expected[thread.tid]
        end = StackEnd.TOO_DEEP if len(pcs) == MAX_FRAMES else StackEnd.COMPLETE
        assert unwound(pid, tables, thread, rbp) == (pcs, end)
        assert unwound(pid, tables, thread, None) == (pcs, end)


def test_every_shape_is_as_gdb_sees_it(shapes: int, tmp_path: Path) -> None:
    threads = wait_until_blocked(shapes, SHAPES)
    assert len(threads) == SHAPES
    assert_as_gdb(shapes, threads, tmp_path)


def test_the_call_is_told(shapes: int) -> None:
    """Everybody waits for one contended mutex, whose word is 2 and whose owner is the main thread."""
    threads = wait_until_blocked(shapes, SHAPES)
    assert len({thread.word for thread in threads}) == 1
    assert {(thread.operation, thread.value) for thread in threads} == {(128, 2)}
    memory = Memory(shapes)
    assert memory.u32(threads[0].word) == 2
    assert memory.u32(threads[0].word + 8) == shapes


def test_an_interrupted_sleep_is_still_found(shapes: int, tmp_path: Path) -> None:
    """gdb's stop makes each of them start its futex call anew."""
    before = wait_until_blocked(shapes, SHAPES)
    gdb_stacks(shapes, tmp_path)
    assert wait_until_blocked(shapes, SHAPES) == before


def test_a_timed_wait_that_a_stop_interrupted_is_told_from_other_sleeps() -> None:
    """The kernel goes on with all of them by restart_syscall."""
    with Program([sys.executable, "-c", RESTARTED_PROGRAM]) as program:
        before = wait_until_blocked(program.pid, 1)
        task = Path(f"/proc/{program.pid}/task/{before[0].tid}")
        os.kill(program.pid, signal.SIGSTOP)
        wait_for(lambda: task.joinpath("stat").read_text().rpartition(") ")[2].startswith("T"))
        os.kill(program.pid, signal.SIGCONT)
        wait_for(lambda: task.joinpath("syscall").read_text().startswith("219 "))
        assert blocked_threads(program.pid) == before


def test_an_interpreter_is_as_gdb_sees_it(interpreter: int, tmp_path: Path) -> None:
    threads = wait_until_blocked(interpreter, 4)
    assert len(threads) == 4
    assert_as_gdb(interpreter, threads, tmp_path)


def test_a_function_as_its_unwind_entry_says(shapes: int) -> None:
    tables = build_tables([shapes])
    thread = wait_until_blocked(shapes, SHAPES)[0]
    found = tables.function(shapes, thread.ip)
    assert found is not None
    begin, end = found
    assert begin <= thread.ip < end
    assert end - begin < 1 << 12
    assert tables.function(shapes, 0x1000) is None


def test_a_library_loaded_later_is_added(interpreter: int) -> None:
    tables = build_tables([interpreter])
    known, blocks = len(tables.rows), len(tables.blocks)
    assert not tables.extend(interpreter)
    with Program(
        [sys.executable, "-c", "import os, sqlite3; print('ready', os.getpid(), flush=True); input()"]
    ) as other:
        assert tables.extend(other.pid)
        assert len(tables.rows) > known
        assert len(tables.blocks) > blocks
        assert tables.mappings(interpreter) != tables.mappings(other.pid)
