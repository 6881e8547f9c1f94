"""The BPF module: which parts it is made of, what they are compiled with, where its programs go."""

import struct
from dataclasses import asdict, dataclass, field
from typing import Any

from tracer.bpf_files import bpf_folder
from tracer.kernel import compiler, syscalls

HEADERS = ("lockwatch.h", "ids.h", "unwind.h", "waits.h")
TABLES = "futex/tables.bpf.c"
FUTEX_PARTS = tuple(f"futex/{part}.bpf.c" for part in ("stacks", "blame", "waits", "sleeps", "hooks"))

# In the order of `enum program`.
TAIL_CALLED = ("futex_called", "unwind", "wait_stack", "release_stack", "sleep_over")

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
    "syscalls:sys_enter_futex_wait": "enter_futex_wait",
    "syscalls:sys_enter_futex_waitv": "enter_futex_waitv",
    "syscalls:sys_enter_futex_wake": "enter_futex_wake",
    "syscalls:sys_enter_futex_requeue": "enter_futex_requeue",
}


@dataclass(frozen=True, slots=True)
class Parts:
    """Which optional parts the module has, each with its own definitions."""

    sched: bool = False
    requests: bool = False
    objects: bool = False
    probe: bool = False

    @property
    def files(self) -> tuple[str, ...]:
        """All files, each after those that it uses: the maps of the futex part are there for all."""
        chosen = [
            f"{name}.bpf.c" for name in ("sched", "requests", "objects", "probe") if getattr(self, name)
        ]
        return (TABLES, *chosen, *FUTEX_PARTS)


@dataclass(slots=True)
class Module:
    """A compiled module and the programs loaded from it."""

    bcc: Any
    parts: Parts
    programs: dict[str, int] = field(default_factory=dict)

    def load(self, name: str, kind: str = "TRACEPOINT") -> int:
        """The fd of a program, loaded at the first call. `kind`: bcc's name of its type."""
        if name not in self.programs:
            self.programs[name] = compiler.load_program(self.bcc, name, kind)
        return self.programs[name]

    def map_fd(self, name: str) -> int:
        return int(self.bcc.get_table(name).map_fd)

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


def compile_parts(parts: Parts, definitions: dict[str, int]) -> Module:
    """Compiles the chosen parts as one module. Raises MachineError."""
    folder = bpf_folder()
    chosen = {f"WITH_{name.upper()}": 1 for name in asdict(parts) if getattr(parts, name)}
    text = "\n".join((folder / name).read_text() for name in (*HEADERS, *parts.files))
    return Module(compiler.compile_module(text, definitions | chosen), parts)
