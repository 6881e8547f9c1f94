"""Runs libvirtd in a mount namespace of its own and ends everything that it started.

`unshare --mount [--pid --fork] python3 holder.py FOLDER COMMAND...`: FOLDER's etc, run, state, log and cache
take the place of the machine's libvirt folders; closing standard input ends it and removes FOLDER. QEMU
guests daemonize: they are adopted here (a child subreaper), because libvirtd waits for a destroyed guest
until somebody has reaped it.
"""

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
GRACE_SECONDS = 5.0
STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}

MOUNTS = {
    "etc": "/etc/libvirt",
    "run": "/run/libvirt",
    "state": "/var/lib/libvirt",
    "log": "/var/log/libvirt",
    "cache": "/var/cache/libvirt",
}
ACCOUNTS = {"passwd": "libvirt-qemu:x:64055:64055::/:/usr/sbin/nologin\n", "group": "libvirt-qemu:x:64055:\n"}

LIBC = ctypes.CDLL(None, use_errno=True)


def bind(source: Path, target: Path) -> None:
    subprocess.run(["mount", "--bind", source, target], check=True)


def bind_folders(folder: Path) -> None:
    for name, target in MOUNTS.items():
        (folder / name).mkdir(exist_ok=True)
        Path(target).mkdir(parents=True, exist_ok=True)
        bind(folder / name, Path(target))


def bind_accounts(folder: Path) -> None:
    """The qemu driver resolves the user libvirt-qemu at its start, even where qemu.conf names another."""
    for name, line in ACCOUNTS.items():
        text = Path("/etc", name).read_text()
        if "\nlibvirt-qemu:" not in text:
            (folder / name).write_text(text.rstrip("\n") + "\n" + line)
            bind(folder / name, Path("/etc", name))


def children() -> list[int]:
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def start(command: list[str]) -> int:
    pid = os.fork()
    if pid == 0:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        os.execvp(command[0], command)
    return pid


def reap() -> list[int]:
    ended: list[int] = []
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended.append(pid)


def end_all(daemon: int) -> None:
    """Ends the daemon first, so that it starts nothing more; then whatever was left to us."""
    deadline = time.monotonic() + GRACE_SECONDS
    while daemon in children() and time.monotonic() < deadline:
        os.kill(daemon, signal.SIGTERM)
        time.sleep(0.05)
        reap()
    while pids := children():
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
        reap()


def wakeups() -> int:
    """A pipe that becomes readable when a child has ended or a signal asks us to stop."""
    readable, writable = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, *STOP_SIGNALS):
        signal.signal(number, lambda _number, _frame: None)
    return readable


def wait_for_the_end(daemon: int, woken: int) -> None:
    """Reaps until the daemon has ended, standard input is closed or a signal asks us to stop."""
    while True:
        ready, _, _ = select.select([woken, sys.stdin], [], [])
        stop = woken in ready and not STOP_SIGNALS.isdisjoint(os.read(woken, 512))
        if daemon in reap() or stop or sys.stdin in ready:
            return


def main() -> None:
    folder, command = Path(sys.argv[1]), sys.argv[2:]
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    bind_folders(folder)
    bind_accounts(folder)
    woken = wakeups()
    daemon = start(command)
    try:
        wait_for_the_end(daemon, woken)
    finally:
        end_all(daemon)
    if select.select([sys.stdin], [], [], 0)[0]:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
