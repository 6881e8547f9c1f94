"""The kernel side of a trace: loaded, fed with unwind tables, attached, read."""

import itertools
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from tracer import abi
from tracer.kernel import environment, programs, syscalls
from tracer.kernel import records as raw
from tracer.kernel.capacity import BLOCK_SIZE, MAPPING_SIZE
from tracer.kernel.plan import EVENT_PAGES
from tracer.kernel.rings import Backlog, RingReader
from tracer.process import Process
from tracer.unwind.tables import Tables

TARGET = abi.layout("target").packing
OTHER_NAMESPACE = abi.number("TARGET_OTHER_PID_NAMESPACE")


@dataclass(slots=True)
class Areas:
    """A target's two areas: one is in use while the other is written."""

    first: int
    in_use: int = 1

    def other(self) -> int:
        self.in_use = 1 - self.in_use
        return self.first + self.in_use


@dataclass(frozen=True, slots=True)
class Counters:
    """Sums over all CPUs since the attach. `ends` is in the order of enum stack_end."""

    futex_calls: int
    waits_lost: int
    stacks_lost: int
    events_lost: int
    calls_lost: int
    stacks: int
    ends: tuple[int, ...]


class KernelTracing:
    """A compiled module at work. It traces from the first `watch` on until `close`.

    Raises MachineError where the machine does not allow it.
    """

    def __init__(self, module: programs.Module) -> None:
        self.module = module
        self._capacity = module.plan.capacity
        self._areas = {pid: Areas(2 * number) for number, pid in enumerate(module.plan.targets)}
        self._places = module.plan.places
        self._generations = itertools.count(1)
        self._written = (0, 0)
        self.table_full = 0
        self._backlog: Backlog | None = None
        self._statistics: int | None = None
        with suppress(OSError):
            self._statistics = syscalls.enable_statistics()

    def attach(self) -> None:
        """Turns the hooks on. They let every process pass until it is watched."""
        self.module.prepare_tail_calls()
        events = environment.require_tracefs() / "events"
        self.module.attach(lambda point: (events / point.replace(":", "/") / "id").exists())
        self._backlog = Backlog(RingReader(self.module.map_fd("events"), EVENT_PAGES * mmap.PAGESIZE))

    def fill(self, tables: Tables) -> bool:
        """Writes rows and blocks that are new since the last call. False where they do not fit any more."""
        packed = tables.blocks
        rows, blocks = len(tables.rows), len(packed) // BLOCK_SIZE
        if rows > self._capacity.rows or blocks > self._capacity.blocks:
            self.table_full += 1
            return False
        rows_before, blocks_before = self._written
        self._write("unwind_rows", rows_before * 8, memoryview(tables.rows)[rows_before:].tobytes())
        self._write("unwind_blocks", blocks_before * BLOCK_SIZE, packed[blocks_before * BLOCK_SIZE :])
        self._written = (rows, blocks)
        return True

    def _write(self, name: str, offset: int, data: bytes) -> None:
        if not data:
            return
        end = -(-(offset + len(data)) // mmap.PAGESIZE) * mmap.PAGESIZE
        with mmap.mmap(self.module.map_fd(name), end) as memory:
            memory[offset : offset + len(data)] = data

    def watch(self, process: Process, tables: Tables) -> bool:
        """Traces a target from now on, or with its mappings of now. False where they do not fit."""
        mappings = tables.mappings(process.pid)
        count, capacity = len(mappings) // MAPPING_SIZE, self._capacity.mappings
        if count > capacity:
            self.table_full += 1
            return False
        area = self._areas[process.pid].other()
        first = area * capacity
        self._write("mappings", first * MAPPING_SIZE, mappings)
        flags = OTHER_NAMESPACE if process.other_namespace else 0
        generation = next(self._generations)
        value = TARGET.pack(process.ns_device, process.ns_inode, first, count, flags, generation)
        syscalls.update(self.module.map_fd("targets"), struct.pack("<I", area), value)
        self._enter(process.pid, process.pid << 32 | area)
        return True

    def unwatch(self, pid: int) -> None:
        self._enter(pid, 0)

    def _enter(self, pid: int, target: int) -> None:
        """In the place of a pid: the kernel writes it as one word."""
        place, value = struct.pack("<I", pid % self._places), struct.pack("<Q", target)
        syscalls.update(self.module.map_fd("target_places"), place, value)

    def begin(self, tid: int, state: raw.ThreadState) -> None:
        """Enters the wait of a thread that sleeps already, unless its next one has been seen."""
        with suppress(FileExistsError):
            syscalls.update(
                self.module.map_fd("threads"),
                struct.pack("<I", tid),
                raw.THREAD_STATE.packing.pack(*state),
                syscalls.NOEXIST,
            )

    def thread(self, tid: int) -> raw.ThreadState | None:
        value = syscalls.lookup(self.module.map_fd("threads"), struct.pack("<I", tid), raw.THREAD_STATE.size)
        return raw.ThreadState._make(raw.THREAD_STATE.packing.unpack(value)) if value else None

    def forget(self, tid: int) -> None:
        syscalls.delete(self.module.map_fd("threads"), struct.pack("<I", tid))

    def know_idle(self, key: raw.IdleKey, known: raw.IdleStack) -> None:
        """Until then waits of this place in the code have this stack, and none is taken."""
        fd = self.module.map_fd("idle_stacks")
        syscalls.update(fd, raw.IDLE_KEY.packing.pack(*key), raw.IDLE_STACK.packing.pack(*known))

    def forget_idle(self, key: raw.IdleKey) -> None:
        syscalls.delete(self.module.map_fd("idle_stacks"), raw.IDLE_KEY.packing.pack(*key))

    def events(self) -> Iterator[bytes]:
        """The events that are there now, in order, for `records.decode`."""
        return self._backlog.take() if self._backlog is not None else iter(())

    def threads(self) -> dict[int, raw.ThreadState]:
        """Every thread's state, by tid, as of now."""
        unpack = raw.THREAD_STATE.packing.unpack
        return {
            int.from_bytes(key, "little"): raw.ThreadState._make(unpack(value))
            for key, value in self._items("threads", 4, raw.THREAD_STATE.size)
        }

    def wait_totals(self) -> dict[raw.WaitKey, raw.WaitTotal]:
        unpack = raw.WAIT_KEY.packing.unpack
        return {
            raw.WaitKey._make(unpack(key)): raw.wait_total(value)
            for key, value in self._items("wait_totals", raw.WAIT_KEY.size, raw.WAIT_TOTAL.size)
        }

    def first_stacks(self) -> dict[raw.WaitKey, int]:
        """All that was waited for, with the id of the first stack."""
        unpack = raw.WAIT_KEY.packing.unpack
        return {
            raw.WaitKey._make(unpack(key)): int.from_bytes(value[:8], "little")
            for key, value in self._items("wait_totals", raw.WAIT_KEY.size, raw.WAIT_TOTAL.size)
        }

    def owner_totals(self) -> dict[raw.OwnerKey, raw.OwnerTotal]:
        key_unpack, unpack = raw.OWNER_KEY.packing.unpack, raw.OWNER_TOTAL.packing.unpack
        return {
            raw.OwnerKey._make(key_unpack(key)): raw.OwnerTotal._make(unpack(value))
            for key, value in self._items("owner_totals", raw.OWNER_KEY.size, raw.OWNER_TOTAL.size)
        }

    def release_totals(self) -> dict[raw.ReleaseKey, raw.ReleaseTotal]:
        key_unpack, unpack = raw.RELEASE_KEY.packing.unpack, raw.RELEASE_TOTAL.packing.unpack
        return {
            raw.ReleaseKey._make(key_unpack(key)): raw.ReleaseTotal._make(unpack(value))
            for key, value in self._items("release_totals", raw.RELEASE_KEY.size, raw.RELEASE_TOTAL.size)
        }

    def words(self) -> dict[raw.WordKey, raw.WordState]:
        key_unpack, unpack = raw.WORD_KEY.packing.unpack, raw.WORD_STATE.packing.unpack
        return {
            raw.WordKey._make(key_unpack(key)): raw.WordState._make(unpack(value))
            for key, value in self._items("words", raw.WORD_KEY.size, raw.WORD_STATE.size)
        }

    def _items(self, name: str, key_size: int, value_size: int) -> Iterator[tuple[bytes, bytes]]:
        return syscalls.items(self.module.map_fd(name), key_size, value_size)

    def counters(self) -> Counters:
        fd = self.module.map_fd("counters")

        def value(index: int) -> int:
            return syscalls.per_cpu_array_sum(fd, index)

        first, ends = abi.number("COUNTER_STACK_ENDS"), abi.number("STACK_ENDS")
        return Counters(
            futex_calls=value(abi.number("COUNTER_FUTEX_CALLS")),
            waits_lost=value(abi.number("COUNTER_WAITS_LOST")),
            stacks_lost=value(abi.number("COUNTER_STACKS_LOST")),
            events_lost=value(abi.number("COUNTER_EVENTS_LOST")),
            calls_lost=value(abi.number("COUNTER_CALLS_LOST")),
            stacks=value(abi.number("COUNTER_STACKS")),
            ends=tuple(value(first + index) for index in range(ends)),
        )

    def cost(self) -> tuple[int, int] | None:
        """(ns, runs) of all programs so far; None where the kernel refuses its statistics."""
        if self._statistics is None:
            return None
        programs = self._program_runs()
        return sum(program.ns for program in programs), sum(program.runs for program in programs)

    def skipped_runs(self) -> int:
        """How often the kernel passed over a program that should have run."""
        return sum(program.skipped for program in self._program_runs())

    def _program_runs(self) -> list[syscalls.ProgramRuns]:
        return [syscalls.program_runs(fd) for fd in self.module.programs.values()]

    def close(self) -> None:
        """Detaches everything."""
        if self._backlog is not None:
            self._backlog.close()
            self._backlog = None
        self.module.close()
        if self._statistics is not None:
            os.close(self._statistics)
            self._statistics = None
