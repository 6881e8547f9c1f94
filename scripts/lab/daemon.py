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

TRANSPORTS = ("unix", "tcp", "tls")

NETWORK_CONF = {
    "unix": "",
    "tcp": """\
listen_tls = 0
listen_tcp = 1
listen_addr = "127.0.0.1"
tcp_port = "{port}"
auth_tcp = "none"
""",
    "tls": """\
listen_addr = "127.0.0.1"
tls_port = "{port}"
auth_tls = "none"
key_file = "{pki}/serverkey.pem"
cert_file = "{pki}/servercert.pem"
ca_file = "{pki}/cacert.pem"
tls_no_verify_certificate = 1
""",
}

URIS = {
    "unix": "qemu+unix:///system?socket={folder}/run/libvirt-sock",
    "tcp": "qemu+tcp://127.0.0.1:{port}/system",
    "tls": "qemu+tls://127.0.0.1:{port}/system?pkipath={folder}/pki",
}

# An authority, and a server that it vouches for.
CERTIFICATES = """\
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=lab -keyout cakey.pem -out cacert.pem
openssl req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout serverkey.pem -out server.csr
openssl x509 -req -days 2 -in server.csr -CA cacert.pem -CAkey cakey.pem -CAcreateserial -extfile names \
    -out servercert.pem
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
    transport: str  # of TRANSPORTS
    port: int  # of 127.0.0.1, unless the transport is unix


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
    text += NETWORK_CONF[settings.transport].format(port=settings.port, pki=folder / "pki")
    (folder / "etc/libvirtd.conf").write_text(text)
    (folder / "etc/qemu.conf").write_text(QEMU_CONF)
    if settings.transport == "tls":
        make_certificates(folder / "pki")


def make_certificates(pki: Path) -> None:
    pki.mkdir()
    (pki / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    made = subprocess.run(["sh", "-ec", CERTIFICATES], cwd=pki, capture_output=True, text=True)
    if made.returncode:
        raise LabError(f"openssl makes no certificates:\n{made.stderr}")


def command_line(folder: Path, settings: Settings) -> list[str]:
    namespaces = ["--mount", "--propagation", "private"]
    if settings.own_pid_namespace:
        namespaces += ["--pid", "--fork", "--kill-child", "--mount-proc"]
    program = shutil.which("libvirtd") or "/usr/sbin/libvirtd"
    daemon = [program, "--config", "/etc/libvirt/libvirtd.conf", "--pid-file", "/run/libvirt/libvirtd.pid"]
    if settings.transport != "unix":
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
            return Daemon(pid, URIS[settings.transport].format(folder=folder, port=settings.port))
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
