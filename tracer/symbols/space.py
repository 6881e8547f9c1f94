"""What lies where in one process: its mappings and the files behind them."""

import os
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tracer.errors import LockwatchError
from tracer.memory import Memory
from tracer.process import Mapping, open_mapped, read_mappings
from tracer.symbols.module import Module
from tracer.symbols.perf_map import PerfMap

VDSO = "[vdso]"
LARGEST_VDSO = 1 << 20
DEEPEST_ROOT = 32  # folders above a target's root
MOST_RETIRED = 4096
"""Mappings that are remembered after they went away, for stacks taken before."""

FileKey = tuple[str, int]
"""Device and inode, as /proc/PID/maps names them."""


@dataclass(frozen=True, slots=True)
class Place:
    """A mapping, with the file behind it where that is an ELF file, and run-time minus file address."""

    mapping: Mapping
    module: Module | None
    bias: int


class AddressSpace:
    """The mappings of `pid`. A process that is gone keeps those that it had."""

    def __init__(self, pid: int, files: "dict[FileKey, Module | None]") -> None:
        self.pid = pid
        self._files = files
        self._root = _Root(pid)
        self._vdso: Module | None = None
        self._mappings: list[Mapping] = []
        self._starts: list[int] = []
        self.perf_map = PerfMap(f"{self._root.path}/tmp/perf-{_innermost_pid(pid)}.map")

    def refresh(self) -> bool:
        """Reads the mappings anew and opens files not seen yet. True when anything changed."""
        try:
            current = read_mappings(self.pid)
        except LockwatchError:
            return False
        for mapping in current:
            self._open(mapping)
        merged = _merged(current, self._mappings)
        changed = merged != self._mappings
        self._mappings = merged
        self._starts = [mapping.start for mapping in merged]
        return changed

    def _open(self, mapping: Mapping) -> None:
        if mapping.path == VDSO and self._vdso is None:
            self._vdso = _vdso_module(self.pid, mapping)
        key = (mapping.device, mapping.inode)
        if not mapping.executable or not mapping.inode or key in self._files:
            return
        try:
            fd = open_mapped(self.pid, mapping)
        except OSError:
            self._files[key] = None
            return
        self._files[key] = Module(fd, self._root.own_path(mapping.path, fd), self._root.search)

    def mapping(self, address: int) -> Mapping | None:
        index = bisect_right(self._starts, address) - 1
        if index < 0 or address >= self._mappings[index].end:
            return None
        return self._mappings[index]

    def place(self, address: int) -> Place | None:
        """What lies at a code address; None where nothing is mapped."""
        mapping = self.mapping(address)
        if mapping is None:
            return None
        module = self.module(mapping)
        bias = module.bias(mapping) if module is not None else None
        return Place(mapping, None, mapping.start) if bias is None else Place(mapping, module, bias)

    def data_place(self, address: int) -> Place | None:
        """The file whose loaded segments, .bss included, cover `address`."""
        mapping = self.mapping(address)
        code = self._code_before(address) if mapping is not None else None
        module = self.module(code) if code is not None else None
        if mapping is None or code is None or module is None or module.elf is None:
            return None
        bias = module.bias(code)
        if bias is None:
            return None
        inside = any(s.address <= address - bias < s.address + s.memory_size for s in module.elf.segments)
        return Place(mapping, module, bias) if inside else None

    def _code_before(self, address: int) -> Mapping | None:
        """The last code of a file below `address`: a file's data lies after its code."""
        for index in range(bisect_right(self._starts, address) - 1, -1, -1):
            mapping = self._mappings[index]
            if mapping.executable and self.module(mapping) is not None:
                return mapping
        return None

    def module(self, mapping: Mapping) -> Module | None:
        if mapping.path == VDSO:
            return self._vdso
        return self._files.get((mapping.device, mapping.inode)) if mapping.inode else None

    def code(self) -> Iterator[tuple[Mapping, Module]]:
        """The executable mappings of ELF files, in the order of their addresses."""
        for mapping in self._mappings:
            module = self.module(mapping) if mapping.executable else None
            if module is not None:
                yield mapping, module


class _Root:
    """The target's root folder, reachable after the target's end as well."""

    def __init__(self, pid: int) -> None:
        self._fd: int | None = None
        self.path = ""
        self.search: tuple[str, ...] = ("",)
        try:
            self._fd = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return
        if not _same_files(pid, self._fd):
            self.path = f"/proc/self/fd/{self._fd}"
            self.search = (self.path, "")

    def own_path(self, path: str, fd: int) -> str:
        """A mapped file's path below this root. The kernel tells it from elsewhere where the target is
        chrooted: with the folders above its root before it."""
        if not self.path:
            return path
        mapped, parts = os.fstat(fd), path.split("/")
        for first in range(1, min(len(parts), DEEPEST_ROOT)):
            own = "/" + "/".join(parts[first:])
            with suppress(OSError, ValueError):
                status = Path(f"{self.path}{own}").stat()
                if (status.st_dev, status.st_ino) == (mapped.st_dev, mapped.st_ino):
                    return own
        return path


def _same_files(pid: int, root: int) -> bool:
    """The process sees the files that we see: its mount namespace and its root folder are ours."""
    try:
        namespaces = [Path(f"/proc/{process}/ns/mnt").stat().st_ino for process in (pid, "self")]
    except OSError:
        return False
    theirs, ours = os.fstat(root), Path("/").stat()
    return namespaces[0] == namespaces[1] and (theirs.st_dev, theirs.st_ino) == (ours.st_dev, ours.st_ino)


def _innermost_pid(pid: int) -> int:
    """The pid as the process itself knows it."""
    try:
        status = Path(f"/proc/{pid}/status").read_bytes()
    except OSError:
        return pid
    found = re.search(rb"^NSpid:.*\t(\d+)$", status, re.MULTILINE)
    return int(found[1]) if found else pid


def _vdso_module(pid: int, mapping: Mapping) -> Module | None:
    """The vdso has no file: its image is copied out of the target's memory."""
    try:
        image = Memory(pid).read(mapping.start, min(mapping.end - mapping.start, LARGEST_VDSO))
    except LockwatchError:
        return None
    return Module(image, VDSO, ()) if image is not None else None


def _merged(current: Iterable[Mapping], before: Iterable[Mapping]) -> list[Mapping]:
    """The current mappings, and of the earlier ones the code that nothing has taken the place of."""
    merged = sorted(current, key=lambda mapping: mapping.start)
    starts = [mapping.start for mapping in merged]
    retired = []
    for mapping in before:
        index = bisect_right(starts, mapping.end - 1) - 1
        free = index < 0 or merged[index].end <= mapping.start
        if free and mapping.executable and mapping.inode:
            retired.append(mapping)
    return sorted(merged + retired[-MOST_RETIRED:], key=lambda mapping: mapping.start)
