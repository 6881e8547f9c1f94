"""A libvirtd with its own configuration, sockets, state and log folder."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HOLDER = Path(__file__).with_name("holder.py")
START_SECONDS = 60.0

LIBVIRTD_CONF = """\
unix_sock_dir = "/run/libvirt"
auth_unix_ro = "none"
auth_unix_rw = "none"
max_clients = 200
max_anonymous_clients = 200
min_workers = {min_workers}
max_workers = {max_workers}
max_client_requests = {max_client_requests}
prio_workers = 5
keepalive_interval = -1
log_level = 3
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
host_uuid = "4a7c1f0e-5b5c-4d2f-9a2e-0f3c8b7d6e51"
"""

TCP_CONF = """\
listen_tls = 0
listen_tcp = 1
listen_addr = "127.0.0.1"
tcp_port = "{tcp_port}"
auth_tcp = "none"
"""

QEMU_CONF = """\
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
security_default_confined = 0
cgroup_controllers = [ ]
namespaces = [ ]
stdio_handler = "file"
seccomp_sandbox = 0
"""


class LabError(Exception):
    """The lab could not do its work; the message says why."""


@dataclass(frozen=True)
class Settings:
    """The server's limits, and the isolation that it runs in."""

    min_workers: int
    max_workers: int
    max_client_requests: int
    own_pid_namespace: bool
    tcp_port: int  # on 127.0.0.1; 0: none


@dataclass(frozen=True)
class Daemon:
    """A running libvirtd. `pid` is the machine's, also when the daemon has a pid namespace of its own."""

    pid: int
    uri: str


def write_configuration(folder: Path, settings: Settings) -> None:
    (folder / "etc").mkdir()
    text = LIBVIRTD_CONF.format(
        min_workers=min(settings.min_workers, settings.max_workers),
        max_workers=settings.max_workers,
        max_client_requests=settings.max_client_requests,
    )
    if settings.tcp_port:
        text += TCP_CONF.format(tcp_port=settings.tcp_port)
    (folder / "etc/libvirtd.conf").write_text(text)
    (folder / "etc/qemu.conf").write_text(QEMU_CONF)


def command_line(folder: Path, settings: Settings) -> list[str]:
    namespaces = ["--mount", "--propagation", "private"]
    if settings.own_pid_namespace:
        namespaces += ["--pid", "--fork", "--kill-child", "--mount-proc"]
    program = shutil.which("libvirtd") or "/usr/sbin/libvirtd"
    daemon = [program, "--config", "/etc/libvirt/libvirtd.conf", "--pid-file", "/run/libvirt/libvirtd.pid"]
    if settings.tcp_port:
        daemon.append("--listen")
    return ["unshare", *namespaces, sys.executable, "-B", str(HOLDER), str(folder), *daemon]


def child_named(pid: int, name: str) -> int | None:
    """The first descendant of a process that has this name."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return None
    for child in map(int, children):
        try:
            if Path(f"/proc/{child}/comm").read_text().strip() == name:
                return child
        except OSError:
            continue
        if (found := child_named(child, name)) is not None:
            return found
    return None


def explain(folder: Path) -> str:
    texts = [
        path.read_text(errors="replace")
        for path in (folder / "out", folder / "log/libvirtd.log")
        if path.exists()
    ]
    return "libvirtd did not start:\n" + "\n".join("".join(texts).splitlines()[-20:])


def free_port() -> int:
    """A TCP port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def await_socket(holder: subprocess.Popen[bytes], folder: Path, settings: Settings) -> Daemon:
    """Waits until the daemon listens. Raises LabError with the end of its log when it does not."""
    deadline = time.monotonic() + START_SECONDS
    listening = folder / "run/libvirt-sock"
    while holder.poll() is None and time.monotonic() < deadline:
        pid = child_named(holder.pid, "libvirtd")
        if pid is not None and listening.exists():
            tcp = f"qemu+tcp://127.0.0.1:{settings.tcp_port}/system"
            return Daemon(pid, tcp if settings.tcp_port else f"qemu+unix:///system?socket={listening}")
        time.sleep(0.02)
    raise LabError(explain(folder))


@contextmanager
def running(settings: Settings) -> Iterator[Daemon]:
    """Starts a libvirtd; ends it, its guests and its folder whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix="libvirt-lab-", dir="/tmp"))
    try:
        write_configuration(folder, settings)
        with (folder / "out").open("wb") as out:
            holder = subprocess.Popen(
                command_line(folder, settings),
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            yield await_socket(holder, folder, settings)
        finally:
            end(holder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def end(holder: subprocess.Popen[bytes]) -> None:
    """Asks the holder to end everything; kills its session when it does not."""
    assert holder.stdin is not None
    holder.stdin.close()
    try:
        holder.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(holder.pid, 9)
        holder.wait()
