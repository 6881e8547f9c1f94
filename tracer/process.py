"""A running process as /proc shows it: who it is, its threads, its mapped files."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tracer.errors import LockwatchError, NotPermittedError, TargetError
from tracer.memory import Memory as Memory

PF_KTHREAD = 0x00200000
EM_X86_64 = 62
DELETED = " (deleted)"
PERMISSION_HINT = "run lockwatch as root, or with CAP_SYS_PTRACE"


@dataclass(frozen=True, slots=True)
class Mapping:
    """One line of /proc/PID/maps. `path` is as the target's mount namespace names it, without "(deleted)";
    "" for anonymous memory. `device` is "major:minor" in hexadecimal."""

    start: int
    end: int
    offset: int
    permissions: str
    device: str
    inode: int
    path: str

    @property
    def executable(self) -> bool:
        return "x" in self.permissions


@dataclass(frozen=True, slots=True)
class Process:
    """A process that can be traced. `start_time` (clock ticks after boot) tells it from a later one of the
    same pid; `ns_device` and `ns_inode` name its pid namespace, which may be other than ours."""

    pid: int
    comm: str
    exe: str
    start_time: int
    ns_device: int
    ns_inode: int
    other_namespace: bool


def find_process(pid: int) -> Process:
    """Looks the process up and checks that it can be traced.

    Raises TargetError (gone, a thread, a zombie, a kernel thread, not 64-bit x86) or NotPermittedError.
    """
    folder = _folder(pid)
    if pid <= 0 or not folder.exists():
        raise _no_process(pid)
    try:
        check_kind(pid, _stat_fields(pid))
        process = _identify(pid)
        with (folder / "exe").open("rb") as program:
            check_machine(f"{process.comm} ({pid})", program.read(20))
        with (folder / "maps").open("rb") as maps:
            maps.read(1)
    except (FileNotFoundError, ProcessLookupError):
        raise _ended(pid) from None
    except PermissionError as error:
        raise _not_permitted(pid) from error
    except OSError as error:
        raise TargetError(f"cannot read {folder}: {error.strerror}") from error
    return process


def read_mappings(pid: int) -> tuple[Mapping, ...]:
    """All mappings by address. Raises TargetError when the process is gone."""
    try:
        lines = (_folder(pid) / "maps").read_bytes().splitlines()
    except PermissionError as error:
        raise _not_permitted(pid) from error
    except OSError:
        raise _ended(pid) from None
    if not lines:
        raise _ended(pid)
    return tuple(parse_mapping(line) for line in lines)


def thread_ids(pid: int) -> tuple[int, ...]:
    """Its threads, in our pid namespace; none when it is gone."""
    try:
        return tuple(sorted(int(name) for name in os.listdir(_folder(pid) / "task")))  # noqa: PTH208
    except OSError:
        return ()


def thread_name(pid: int, tid: int) -> str | None:
    """The thread's own name, None when it is gone."""
    try:
        return os.fsdecode((_folder(pid) / f"task/{tid}/comm").read_bytes().removesuffix(b"\n"))
    except OSError:
        return None


def open_mapped(pid: int, mapping: Mapping) -> int:
    """An O_RDONLY descriptor of the very file that is mapped, also where its path is gone or leads to another
    file now. Raises OSError when it cannot be reached."""
    path = f"/proc/{pid}/root{mapping.path}"
    with suppress(OSError, ValueError):
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        status = os.fstat(fd)
        if (_device(status.st_dev), status.st_ino) == (mapping.device, mapping.inode):
            return fd
        os.close(fd)
    mapped = f"/proc/{pid}/map_files/{mapping.start:x}-{mapping.end:x}"
    return os.open(mapped, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)


def _folder(pid: int) -> Path:
    return Path(f"/proc/{pid}")


def _device(number: int) -> str:
    return f"{os.major(number):02x}:{os.minor(number):02x}"


def parse_mapping(line: bytes) -> Mapping:
    """A line of /proc/PID/maps."""
    fields = line.split(None, 5)
    start, _, end = fields[0].partition(b"-")
    path = os.fsdecode(fields[5]).replace("\\012", "\n").removesuffix(DELETED) if len(fields) > 5 else ""
    permissions, device = fields[1].decode(), fields[3].decode()
    return Mapping(
        int(start, 16), int(end, 16), int(fields[2], 16), permissions, device, int(fields[4]), path
    )


def _stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on: [0] is field 3 of proc(5)."""
    text = (_folder(pid) / "stat").read_bytes()
    return text[text.rindex(b")") + 2 :].decode().split()


def check_kind(pid: int, stat: list[str]) -> None:
    """Raises TargetError for what is no user process; `stat`: /proc/PID/stat from the state on."""
    if stat[0] in "ZX":
        raise TargetError(f"process {pid} has ended: it is a zombie", "its parent has not waited for it yet")
    if int(stat[6]) & PF_KTHREAD:
        raise TargetError(f"{pid} is a kernel thread", "lockwatch sees the locks of user programs only")
    status = (_folder(pid) / "status").read_text(errors="replace")
    leader = int(next(line.split()[1] for line in status.splitlines() if line.startswith("Tgid:")))
    if leader != pid:
        raise TargetError(f"{pid} is a thread of process {leader}", f"use --pid {leader}")


def _identify(pid: int) -> Process:
    folder = _folder(pid)
    namespace = (folder / "ns/pid").stat()
    ours = Path("/proc/self/ns/pid").stat()
    return Process(
        pid=pid,
        comm=os.fsdecode((folder / "comm").read_bytes().removesuffix(b"\n")),
        exe=str((folder / "exe").readlink()).removesuffix(DELETED),
        start_time=int(_stat_fields(pid)[19]),
        ns_device=namespace.st_dev,
        ns_inode=namespace.st_ino,
        other_namespace=(namespace.st_dev, namespace.st_ino) != (ours.st_dev, ours.st_ino),
    )


def check_machine(name: str, header: bytes) -> None:
    """Raises TargetError where the program's first 20 bytes are not those of 64-bit x86."""
    if header[4:5] == b"\x01":
        raise TargetError(f"{name} is a 32-bit process", "lockwatch traces 64-bit programs only")
    if int.from_bytes(header[18:20], "little") != EM_X86_64:
        raise TargetError(f"{name} is no x86-64 program", "lockwatch traces x86-64 programs only")


def _no_process(pid: int) -> LockwatchError:
    return TargetError(f"no process has pid {pid}", "is it running? see `pidof NAME` or `ps -e`")


def _ended(pid: int) -> LockwatchError:
    return TargetError(f"process {pid} has ended")


def _not_permitted(pid: int) -> LockwatchError:
    return NotPermittedError(f"not allowed to look into process {pid}", PERMISSION_HINT)
