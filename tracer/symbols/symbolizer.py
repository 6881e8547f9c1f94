"""From addresses of a process to functions, variables and source lines."""

from collections.abc import Iterator, Sequence

from tracer.model.stacks import Frame, Stack, StackEnd
from tracer.process import Mapping
from tracer.symbols.lines import LineFinder
from tracer.symbols.module import Module
from tracer.symbols.names import clean, readable
from tracer.symbols.space import AddressSpace, FileKey, Place

MOST_FRAMES_KEPT = 200_000
SIGNAL_FRAME = "<signal handler called>"

RESTORER = b"\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05"
"""mov $15 (rt_sigreturn), %rax; syscall: what a signal handler returns to."""


class Symbolizer:
    """Reads nothing of a file before an address in it is asked for; `watch` only opens the files, so that
    they can be read when the process has ended or they were replaced. Unknown processes and addresses give
    None or unnamed frames, never an error."""

    def __init__(self) -> None:
        self._files: dict[FileKey, Module | None] = {}
        self._spaces: dict[int, AddressSpace] = {}
        self._frames: dict[tuple[int, int, bool], tuple[Frame, bool]] = {}
        self._lines = LineFinder()

    def watch(self, pid: int) -> None:
        """Opens each ELF file that the process has mapped."""
        if pid not in self._spaces:
            self._spaces[pid] = AddressSpace(pid, self._files)
        self.refresh(pid)

    def refresh(self, pid: int) -> None:
        """Reads the mappings anew, after the process has loaded or unloaded code."""
        space = self._spaces.get(pid)
        if space is not None and space.refresh():
            self._frames = {key: frame for key, frame in self._frames.items() if key[0] != pid}

    def stack(self, pid: int, pcs: Sequence[int], end: StackEnd) -> Stack:
        """`pcs`, innermost first, as named frames, with source lines where the debug information tells them.

        A return address stands behind its call, so the byte before it is looked up; the innermost frame, and
        one that a signal interrupted, are looked up as they are.
        """
        frames = []
        exact = True
        for pc in pcs:
            frame, exact = self._frame(pid, pc, exact)
            frames.append(frame)
        return Stack(tuple(frames), end)

    def data_symbol(self, pid: int, address: int) -> tuple[str, int, str] | None:
        """The variable that covers `address`, the offset in it, and its file's name."""
        place = self._spaces[pid].data_place(address) if pid in self._spaces else None
        if place is None or place.module is None:
            return None
        symbol = place.module.variables.find(address - place.bias)
        if symbol is None:
            return None
        return readable(symbol.name), address - place.bias - symbol.address, clean(place.module.name)

    def data_place(self, pid: int, address: int) -> Place | None:
        """The file whose loaded data, .bss included, covers `address`."""
        return self._spaces[pid].data_place(address) if pid in self._spaces else None

    def module_of(self, pid: int, address: int) -> tuple[str, int] | None:
        """Path and bias (run-time minus file address) of the file whose code or data lies at `address`."""
        if pid not in self._spaces:
            return None
        place = self._spaces[pid].place(address)
        if place is None or place.module is None:
            place = self._spaces[pid].data_place(address)
        return (place.module.path, place.bias) if place is not None and place.module is not None else None

    def function_address(self, pid: int, name: str) -> int | None:
        """The run-time address of an exported symbol, of the first file that has it."""
        for mapping, module in self.modules(pid):
            export = module.exports.find(name)
            bias = module.bias(mapping) if export is not None else None
            if export is not None and bias is not None:
                return bias + export.address
        return None

    def build_id(self, path: str) -> str | None:
        """Of a mapped file, by its path in the target's mount namespace, or as frames name it."""
        for module in self._files.values():
            if module is not None and path in (module.path, clean(module.name)):
                return module.build_id
        return None

    def modules(self, pid: int) -> Iterator[tuple[Mapping, Module]]:
        """The executable mappings of ELF files."""
        return self._spaces[pid].code() if pid in self._spaces else iter(())

    def place(self, pid: int, address: int) -> Place | None:
        """What is mapped at a code address."""
        return self._place(pid, address)

    def _place(self, pid: int, address: int) -> Place | None:
        space = self._spaces.get(pid)
        return space.place(address) if space is not None else None

    def _frame(self, pid: int, pc: int, exact: bool) -> tuple[Frame, bool]:
        """The frame, and whether the next pc is no return address."""
        key = (pid, pc, exact)
        known = self._frames.get(key)
        if known is None:
            if len(self._frames) >= MOST_FRAMES_KEPT:
                self._frames.clear()
            known = self._frames[key] = self._new_frame(pid, pc, exact)
        return known

    def _new_frame(self, pid: int, pc: int, exact: bool) -> tuple[Frame, bool]:
        place = self._place(pid, pc if exact else pc - 1)
        if place is None:
            return Frame(None, "[unmapped]", pc, pc), False
        if place.module is None:
            return self._generated(pid, place, pc, exact), False
        offset = pc - place.bias
        module = clean(place.module.name)
        if _is_restorer(place, pc):
            return Frame(SIGNAL_FRAME, module, offset, pc), True
        code = offset if exact else offset - 1
        symbol = place.module.functions.find(code)
        source = self._lines.find(place.module, code)
        function = readable(symbol.name) if symbol is not None else None
        if source is None:
            return Frame(function, module, offset, pc), False
        return Frame(function, module, offset, pc, source.file, source.line), False

    def _generated(self, pid: int, place: Place, pc: int, exact: bool) -> Frame:
        """A frame in memory that no ELF file lies behind: generated code, named by its perf map."""
        name = self._spaces[pid].perf_map.find(pc if exact else pc - 1)
        module = clean(place.mapping.path) or "[anonymous]"
        return Frame(readable(name) if name else None, module, pc - place.mapping.start, pc)


def _is_restorer(place: Place, pc: int) -> bool:
    """The code at `pc` returns from a signal handler."""
    module = place.module
    return module is not None and module.read(pc - place.bias, len(RESTORER)) == RESTORER
