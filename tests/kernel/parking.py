"""Programs whose threads are parked for ever, and their stacks as the kernel shows them."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tracer.blocked import BlockedThread, blocked_threads
from tracer.memory import Memory
from tracer.model.stacks import Stack, StackEnd
from tracer.symbols.symbolizer import Symbolizer
from tracer.unwind.memory import unwind_memory
from tracer.unwind.tables import Tables, build


@dataclass(frozen=True)
class Parked:
    """A running program, and what it said before its `ready`."""

    pid: int
    said: tuple[str, ...]
    process: subprocess.Popen[str]

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def parked(*command: str | Path) -> Iterator[Parked]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        said = []
        for line in process.stdout:
            if line == "ready\n":
                break
            said.append(line.rstrip())
        yield Parked(process.pid, tuple(said), process)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        Path(f"/tmp/perf-{process.pid}.map").unlink(missing_ok=True)


@dataclass(frozen=True)
class Raw:
    """Blocked threads with their pcs, taken while the program ran."""

    tables: Tables
    threads: tuple[tuple[BlockedThread, Sequence[int], StackEnd], ...]


def raw_stacks(pid: int) -> Raw:
    tables = build([pid])
    memory = Memory(pid)
    threads = []
    for thread in blocked_threads(pid):
        pcs, end = unwind_memory(tables, memory, pid, thread.ip, thread.sp, None)
        threads.append((thread, pcs, end))
    return Raw(tables, tuple(threads))


def named_stacks(symbolizer: Symbolizer, pid: int, raw: Raw) -> list[Stack]:
    return [symbolizer.stack(pid, pcs, end) for _, pcs, end in raw.threads]
