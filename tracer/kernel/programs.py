"""The BPF module: the files it is made of, and where its programs go."""

import os
import struct
from dataclasses import dataclass, field
from typing import Any

from tracer.bpf_files import bpf_folder
from tracer.kernel import compiler, syscalls, uprobe_links
from tracer.kernel.plan import Parts, Plan

HEADERS = ("lockwatch.h", "ids.h", "unwind.h", "waits.h")
TABLES = "futex/tables.bpf.c"
FUTEX_PARTS = tuple(f"futex/{part}.bpf.c" for part in ("stacks", "blame", "idle", "waits", "sleeps", "hooks"))

# In the order of `enum program`.
TAIL_CALLED = ("futex_called", "unwind", "wait_stack", "release_stack", "sleep_over", "wake_over")

# Tracepoint -> program. Those of the newer futex calls are attached where the kernel has them.
TRACEPOINTS = {
    "syscalls:sys_exit_futex": "exit_futex",
    "syscalls:sys_exit_restart_syscall": "exit_futex",
    "sched:sched_process_exit": "thread_exit",
    "sched:sched_process_exec": "process_exec",
    "syscalls:sys_enter_futex": "enter_futex",
}
NEWER_TRACEPOINTS = {
    "syscalls:sys_exit_futex_wait": "exit_futex",
    "syscalls:sys_exit_futex_waitv": "exit_futex",
    "syscalls:sys_exit_futex_wake": "exit_futex",
    "syscalls:sys_exit_futex_requeue": "exit_futex",
    "syscalls:sys_enter_futex_wait": "enter_futex_wait",
    "syscalls:sys_enter_futex_waitv": "enter_futex_waitv",
    "syscalls:sys_enter_futex_wake": "enter_futex_wake",
    "syscalls:sys_enter_futex_requeue": "enter_futex_requeue",
}


@dataclass(slots=True)
class Module:
    """A compiled module and the programs loaded from it."""

    bcc: Any
    plan: Plan
    programs: dict[str, int] = field(default_factory=dict)
    _maps: dict[str, int] = field(default_factory=dict)
    _for_links: list[int] = field(default_factory=list)

    def load(self, name: str, kind: str = "TRACEPOINT") -> int:
        """The fd of a program, loaded at the first call. `kind`: bcc's name of its type."""
        if name not in self.programs:
            self.programs[name] = compiler.load_program(self.bcc, name, kind)
        return self.programs[name]

    def load_for_links(self, name: str) -> int:
        """The same of a uprobe's program that links are to run. Raises MachineError."""
        if name not in self.programs:
            self.programs[name] = uprobe_links.load(name, self.bcc.dump_func(name.encode()))
            self._for_links.append(self.programs[name])
        return self.programs[name]

    def map_fd(self, name: str) -> int:
        """bcc looks everything about a map up again each time that it is asked."""
        if name not in self._maps:
            self._maps[name] = int(self.bcc.get_table(name).map_fd)
        return self._maps[name]

    def prepare_tail_calls(self) -> None:
        """Loads the tail-called programs and enters them in the array that they are called through."""
        array = self.map_fd("programs")
        for index, name in enumerate(TAIL_CALLED):
            syscalls.update(array, struct.pack("<I", index), struct.pack("<I", self.load(name)))

    def attach(self, tracefs_has: Any) -> None:
        """Attaches the futex hooks; `tracefs_has(tracepoint)` tells which of the newer ones exist."""
        chosen = TRACEPOINTS | {
            point: name for point, name in NEWER_TRACEPOINTS.items() if tracefs_has(point)
        }
        for tracepoint, name in chosen.items():
            self.load(name)
            compiler.attach_tracepoint(self.bcc, tracepoint, name)

    def close(self) -> None:
        """Detaches what was attached, and gives the programs and maps back."""
        while self._for_links:
            os.close(self._for_links.pop())
        self.bcc.cleanup()


def files_of(parts: Parts) -> tuple[str, ...]:
    """Each after those that it uses: the maps of the futex part are there for all."""
    return (*HEADERS, TABLES, *(f"{name}.bpf.c" for name in parts.chosen), *FUTEX_PARTS)


def compile_plan(plan: Plan) -> Module:
    """Compiles all as one module; the interpreter is free for other threads. Raises MachineError."""
    text = "\n".join((bpf_folder() / name).read_text() for name in files_of(plan.parts))
    return Module(compiler.compile_module(text, plan.definitions()), plan)
