"""What the probe's programs count, read from their maps."""

import mmap
import struct
from typing import NamedTuple

from tracer import abi
from tracer.kernel import syscalls
from tracer.kernel.programs import Module
from tracer.kernel.rings import RingReader
from tracer.probe.estimate import Taken

CPU = abi.layout("probe_cpu")
CONTROL = abi.layout("probe_control")
ACQUISITION_KEY = abi.layout("acquisition_key").packing
WINDOW_KEY = abi.layout("window_key").packing
WINDOW_COUNT = abi.layout("window_count").packing
BATCHED, ALARM, WINDOW = (8 * place for place in (0, 8, 9))  # bytes into struct probe_control
_u64 = struct.Struct("<Q")


class ProbeCount(NamedTuple):
    """Sums over all CPUs."""

    hits: int
    lost: int
    window_lost: int


class ProbeMaps:
    """The maps of the probe's part of a compiled module."""

    def __init__(self, module: Module) -> None:
        self._cpus = syscalls.possible_cpus()
        self._cpu_memory = _mapped(module, "probe_cpus", self._cpus * CPU.size)
        self._control = _mapped(module, "probe_control", CONTROL.size)
        self._acquisitions = module.map_fd("acquisitions")
        self._window = module.map_fd("window_acquisitions")
        self.alarm_fd = module.map_fd("probe_alarms")
        self._alarms = RingReader(self.alarm_fd, mmap.PAGESIZE)

    def count(self) -> ProbeCount:
        """All hits so far."""
        cpus = [CPU.packing.unpack_from(self._cpu_memory, index * CPU.size) for index in range(self._cpus)]
        return ProbeCount(*(sum(cpu[place] for cpu in cpus) for place in range(3)))

    def set_alarm(self, hits: int) -> None:
        """Makes `alarm_fd` readable after so many more hits, or a few more than that."""
        (batched,) = _u64.unpack_from(self._control, BATCHED)
        least = 2 * self._cpus * abi.number("PROBE_BATCH")
        _u64.pack_into(self._control, ALARM, min(batched + max(hits, least), (1 << 64) - 1))

    def clear_alarm(self) -> None:
        """No alarm from now on, and none that is still to be read."""
        _u64.pack_into(self._control, ALARM, 0)
        for _ in self._alarms.records():
            pass

    def count_window(self, on: bool) -> None:
        """From now on hits are, or are not, counted by thread as well."""
        _u64.pack_into(self._control, WINDOW, int(on))

    def take_window(self) -> list[Taken]:
        """What the counted window holds. Empties it."""
        command = syscalls.MAP_LOOKUP_AND_DELETE_BATCH
        found = []
        for key, value in syscalls.items(self._window, WINDOW_KEY.size, WINDOW_COUNT.size, command=command):
            mutex, pid, tid = WINDOW_KEY.unpack(key)
            found.append(Taken(pid, tid, mutex, *WINDOW_COUNT.unpack(value)))
        return found

    def acquisitions(self) -> dict[tuple[int, int], int]:
        """(pid, mutex) -> all hits so far."""
        values = struct.Struct(f"<{self._cpus}Q")
        seen = {}
        for key, value in syscalls.items(self._acquisitions, ACQUISITION_KEY.size, values.size):
            mutex, pid, _ = ACQUISITION_KEY.unpack(key)
            seen[pid, mutex] = sum(values.unpack(value))
        return seen

    def close(self) -> None:
        self._cpu_memory.close()
        self._control.close()
        self._alarms.close()


def _mapped(module: Module, name: str, size: int) -> mmap.mmap:
    whole = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
    return mmap.mmap(module.map_fd(name), whole)
