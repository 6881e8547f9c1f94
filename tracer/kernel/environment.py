"""What of the machine the kernel side needs: root, tracefs, BTF."""

import ctypes
import os
from pathlib import Path

from tracer.errors import MachineError, NotPermittedError

TRACEFS = (Path("/sys/kernel/tracing"), Path("/sys/kernel/debug/tracing"))
CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE, CAP_SYS_ADMIN = 39, 38, 19, 21


def require_privileges() -> None:
    """Raises NotPermittedError without root's capabilities."""
    effective = _effective_capabilities()
    if effective >> CAP_SYS_ADMIN & 1:
        return
    needed = {"CAP_BPF": CAP_BPF, "CAP_PERFMON": CAP_PERFMON, "CAP_SYS_PTRACE": CAP_SYS_PTRACE}
    missing = [name for name, bit in needed.items() if not effective >> bit & 1]
    if missing:
        raise NotPermittedError(f"tracing needs root: {', '.join(missing)} missing", "run it with sudo")


def _effective_capabilities() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def require_tracefs() -> Path:
    """The mounted tracefs; mounts it where it is not. Raises MachineError."""
    for folder in TRACEFS:
        if (folder / "events/syscalls/sys_enter_futex/id").exists():
            return folder
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tracefs", bytes(TRACEFS[0]), b"tracefs", 0, None) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise MachineError(
            f"tracefs is not mounted, and mounting it failed: {reason}",
            f"mount -t tracefs tracefs {TRACEFS[0]}",
        )
    if not (TRACEFS[0] / "events/syscalls/sys_enter_futex/id").exists():
        raise MachineError(
            "this kernel has no tracepoint for the futex system call",
            "it needs CONFIG_FTRACE_SYSCALLS; the kernels of the large distributions have it",
        )
    return TRACEFS[0]
