"""Unread bytes of sockets, as the kernel's socket diagnostics tell them."""

import os
import socket
import time

from tracer.requests.ports import listening_ports
from tracer.requests.sampler import Sampler
from tracer.requests.sockdiag import UnreadBytes

PATIENCE_SECONDS = 10


def test_bytes_that_nobody_has_read() -> None:
    here, there = socket.socketpair()
    sockets = UnreadBytes()
    with here, there:
        inode = os.fstat(there.fileno()).st_ino
        assert inode not in sockets.read()
        here.send(b"x" * 300)
        assert sockets.read()[inode] == 300
        there.recv(100)
        assert sockets.read()[inode] == 200
        there.recv(200)
        assert inode not in sockets.read()
    sockets.close()


def test_bytes_of_tcp_connections_to_a_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [each.getsockname()[1] for each in (server, other)]
        assert set(ports) <= set(listening_ports(os.getpid()))
        sockets = UnreadBytes(ports[:1])
        with (
            socket.create_connection(server.getsockname()) as here,
            socket.create_connection(other.getsockname()) as elsewhere,
            server.accept()[0] as there,
            other.accept()[0] as unseen,
        ):
            inode, unseen_inode = (os.fstat(each.fileno()).st_ino for each in (there, unseen))
            here.send(b"x" * 300)
            elsewhere.send(b"x" * 300)
            found = sockets.read()
            assert found[inode] == 300
            assert unseen_inode not in found
            there.recv(300)
            assert inode not in sockets.read()
            assert inode in sockets.connections
            assert unseen_inode not in sockets.connections
        assert sockets.refused is None
        sockets.close()
    assert not set(ports) & set(listening_ports(os.getpid()))


def test_a_process_that_is_gone_listens_on_nothing() -> None:
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(child, 0)
    assert listening_ports(child) == []


def test_samples_from_the_first_byte_to_the_empty_socket() -> None:
    here, there = socket.socketpair()
    with here, there:
        inode = os.fstat(there.fileno()).st_ino
        sampler = Sampler(os.getpid())
        sampler.start()
        sent = time.monotonic_ns()
        here.send(b"x" * 64)
        samples = sampler.take(inode, time.monotonic_ns())
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(samples) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
            samples += sampler.take(inode, time.monotonic_ns())
        there.recv(64)
        while samples[-1].unread and time.monotonic() < deadline:
            time.sleep(0.01)
            samples += sampler.take(inode, time.monotonic_ns())
        sampler.stop()
    assert [sample.unread for sample in samples[:3]] == [64, 64, 64]
    assert samples[-1].unread == 0
    assert all(sample.before <= sample.time for sample in samples)
    assert samples[0].time >= sent
    assert sampler.failure is None


def test_no_samples_of_a_process_that_is_gone() -> None:
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(child, 0)
    sampler = Sampler(child)
    sampler.start()
    sampler.stop()
    assert sampler.failure is not None
