"""Uprobes that can be put on and taken off in no time: tracefs events whose program stays attached.

Closing the last opener of a uprobe event leaves its trap in the target for 45 ms or more. So each event has
an anchor: it was opened for a child that has ended, and holds the BPF program. Nothing traps for the anchor,
and while it lasts, opening the event for a process and closing it again only adds and removes that process.
"""

import itertools
import os
import re
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from tracer.errors import LockwatchError, MachineError
from tracer.kernel import uprobes

GROUP = "lockwatch"
OWNED = re.compile(rf"p:{GROUP}/(p(\d+)_(\d+)_\d+) ")
ROOTS = (Path("/sys/kernel/tracing"), Path("/sys/kernel/debug/tracing"))
REMOVALS = 20  # attempts: an event stays busy for a moment after its last opener is closed
REMOVAL_PAUSE = 0.01  # s

# Two events of one name oops some kernels when one is opened. No name is ever used twice: it holds our pid,
# when we were started, and a number of this process.
_serial = itertools.count(1)


class WindowEvent:
    """A uprobe event of tracefs with a program, open for no process. Raises LockwatchError."""

    def __init__(self, path: str, offset: int, program: int) -> None:
        self.name = f"p{os.getpid()}_{_start_time(os.getpid())}_{next(_serial)}"
        self._anchor = -1
        try:
            _command(f"p:{GROUP}/{self.name} {path}:{offset:#x}")
            self._id = int((_root() / f"events/{GROUP}/{self.name}/id").read_text())
            self._anchor = self._open_anchor(program)
        except (LockwatchError, OSError, ValueError) as error:
            self.close()
            raise _refused(error) from error

    def _open_anchor(self, program: int) -> int:
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        try:
            anchor = uprobes.open_tracepoint(self._id, child.pid)
        finally:
            child.kill()
            child.communicate()
        try:
            uprobes.set_program(anchor, program)
        except LockwatchError:
            os.close(anchor)
            raise
        return anchor

    def open(self, pid: int) -> int:
        """Puts the probe on a process (or a thread's process): the fd holds it there.

        Takes 5 to 9 ms, of which the process traps at the end. Raises LockwatchError.
        """
        return uprobes.open_tracepoint(self._id, pid)

    def close(self) -> None:
        """Removes the event. Its windows must be closed before."""
        if self._anchor >= 0:
            os.close(self._anchor)
            self._anchor = -1
        _remove(self.name)


def remove_stale() -> int:
    """Removes the events of lockwatches that are no more, returns how many. No tracefs, no events."""
    try:
        defined = (_root() / "uprobe_events").read_text()
    except (MachineError, OSError):
        return 0
    stale = [name for name, pid, started in OWNED.findall(defined) if _start_time(int(pid)) != int(started)]
    for name in stale:
        _remove(name)
    return len(stale)


def _remove(name: str) -> None:
    """Removes an event; waits a little for one that is busy. One that is gone already is no error."""
    for _ in range(REMOVALS):
        try:
            return _command(f"-:{GROUP}/{name}")
        except FileNotFoundError:
            return None
        except OSError:
            time.sleep(REMOVAL_PAUSE)
    return None


def _command(line: str) -> None:
    """One line for uprobe_events. It must be appended: opening it otherwise removes all events there are."""
    fd = os.open(_root() / "uprobe_events", os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    try:
        os.write(fd, f"{line}\n".encode())
    finally:
        os.close(fd)


def _root() -> Path:
    for root in ROOTS:
        if (root / "uprobe_events").exists():
            return root
    raise MachineError(
        "tracefs is not mounted, or this kernel has no uprobe events", f"mount -t tracefs tracefs {ROOTS[0]}"
    )


def _start_time(pid: int) -> int:
    """When a process was started, in clock ticks since boot; -1 when there is none."""
    with suppress(OSError):
        text = Path(f"/proc/{pid}/stat").read_bytes()
        return int(text[text.rindex(b")") + 2 :].split()[19])
    return -1


def _refused(error: Exception) -> LockwatchError:
    if isinstance(error, LockwatchError):
        return error
    return MachineError(f"the kernel refuses a uprobe event: {error}")
