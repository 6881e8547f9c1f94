"""Where a process's pthread_mutex_lock is: the files that define it, and the instruction to probe."""

import os
import re
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from tracer.elf import Elf
from tracer.errors import FileError
from tracer.probe.instructions import LARGEST_FUNCTION, Instruction, cheapest
from tracer.process import Mapping, open_mapped, read_mappings

FUNCTION = b"pthread_mutex_lock"
ARGUMENTS = ("rdi",)  # the mutex
# glibc before 2.34 keeps the function in libpthread; the one in its libc only jumps there.
PTHREAD = re.compile(r"libpthread[-.].*")
LIBC = re.compile(r"libc[-.].*|ld-musl-.*")
STT_FUNC = 2
_symbol = struct.Struct("<IBBHQQ")


@dataclass(frozen=True, slots=True)
class Site:
    """An instruction of a file that is held open as `fd`. `emulated`: a hit costs one trap. The function
    begins at file offset `start`."""

    fd: int
    device: str
    inode: int
    start: int
    offset: int
    emulated: bool

    @property
    def path(self) -> str:
        """Leads to this very file, whatever its name and mount namespace."""
        return f"/proc/self/fd/{self.fd}"

    @property
    def key(self) -> tuple[str, int, int]:
        """The same for the same instruction, in whatever process it is mapped."""
        return self.device, self.inode, self.offset


def find_sites(pid: int) -> tuple[Site, ...]:
    """The instructions to probe, one per definition of the function. The caller closes their fds.

    Empty where the process maps no such function. Raises TargetError when the process is gone.
    """
    mappings = [mapping for mapping in read_mappings(pid) if mapping.executable and mapping.inode]
    for group in _candidates(pid, mappings):
        sites = tuple(site for mapping in group for site in _sites_of(pid, mapping))
        if sites:
            return sites
    return ()


def _candidates(pid: int, mappings: list[Mapping]) -> Iterator[list[Mapping]]:
    """Groups of mappings, of which the first that defines the function counts."""
    for pattern in (PTHREAD, LIBC):
        yield _distinct(one for one in mappings if pattern.fullmatch(os.path.basename(one.path)))  # noqa: PTH119
    with suppress(OSError):
        program = os.stat(f"/proc/{pid}/exe").st_ino  # noqa: PTH116
        yield _distinct(one for one in mappings if one.inode == program)


def _distinct(mappings: Iterable[Mapping]) -> list[Mapping]:
    """One mapping a file."""
    return list({(one.device, one.inode): one for one in mappings}.values())


def _sites_of(pid: int, mapping: Mapping) -> Iterator[Site]:
    try:
        fd = open_mapped(pid, mapping)
    except OSError:
        return
    found = _instructions(fd)
    for start, chosen in found:
        place = start + chosen.offset
        yield Site(os.dup(fd), mapping.device, mapping.inode, start, place, chosen.emulated)
    os.close(fd)


def _instructions(fd: int) -> list[tuple[int, Instruction]]:
    """(file offset, the instruction to probe) of each definition in a file; none where it is damaged."""
    try:
        elf = Elf(fd)
    except FileError:
        return []
    try:
        places = [(_file_offset(elf, address), size) for address, size in sorted(_definitions(elf))]
        return [
            (start, cheapest(elf.read(start, size), ARGUMENTS)) for start, size in places if start is not None
        ]
    except FileError:
        return []
    finally:
        elf.close()


def _definitions(elf: Elf) -> set[tuple[int, int]]:
    """(the file's own address, size) of the function, by the dynamic symbols or else by the full table."""
    for symbols, strings in ((".dynsym", ".dynstr"), (".symtab", ".strtab")):
        table, names = elf.section(symbols), elf.section(strings)
        if table and names and (found := _named(table, _occurrences(names))):
            return found
    return set()


def _occurrences(names: bytes) -> frozenset[int]:
    """Where the name begins in a string table, also as the end of a longer name: linkers share tails."""
    return frozenset(match.start() for match in re.finditer(re.escape(FUNCTION) + rb"\0", names))


def _named(table: bytes, names: frozenset[int]) -> set[tuple[int, int]]:
    whole = len(table) - len(table) % _symbol.size
    return {
        (address, size)
        for name, info, _, section, address, size in _symbol.iter_unpack(table[:whole])
        if name in names and info & 15 == STT_FUNC and section and 0 < size <= LARGEST_FUNCTION
    }


def _file_offset(elf: Elf, address: int) -> int | None:
    for segment in elf.segments:
        if segment.flags & 1 and 0 <= address - segment.address < segment.size:
            return address - segment.address + segment.offset
    return None
