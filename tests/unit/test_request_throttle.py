"""Unread bytes of a socket, given to the calls that are read next."""

import struct

import pytest

from tracer.kernel.records import CallEvent
from tracer.requests import sockdiag
from tracer.requests.connections import Security, Socket
from tracer.requests.throttle import ReadCall, Sample, unread_since
from tracer.requests.throttled import Throttled

MS = 1_000_000


def test_message_came_between_two_samples() -> None:
    samples = [Sample(90, 100, 28), Sample(100, 110, 28)]
    assert unread_since(samples, [ReadCall(115, 28)]) == [95]


def test_bytes_go_to_calls_in_the_order_of_reading() -> None:
    calls = [ReadCall(105, 28), ReadCall(115, 40), ReadCall(125, 28), ReadCall(300, 28)]
    samples = [Sample(90, 100, 28 + 40), Sample(100, 110, 40 + 28)]
    assert unread_since(samples, calls) == [95, 95, 105, None]


def test_half_read_message_is_still_its_own() -> None:
    assert unread_since([Sample(90, 100, 10)], [ReadCall(105, 28), ReadCall(106, 28)]) == [95, None]


def test_calls_read_before_a_sample_have_no_part_in_it() -> None:
    assert unread_since([Sample(90, 100, 500)], [ReadCall(99, 28), ReadCall(100, 28)]) == [None, None]


def test_message_without_a_length_ends_the_walk() -> None:
    calls = [ReadCall(101 + number, 0) for number in range(50)]
    assert sum(start is not None for start in unread_since([Sample(90, 100, 10)], calls)) == 10


def test_a_throttled_connection_is_estimated_within_half_an_interval() -> None:
    """A server that reads one 30-byte message every 25 ms; each of 40 was sent at 3 ms times its number."""
    sent = [number * 3 * MS for number in range(40)]
    calls = [ReadCall(max(at, number * 25 * MS) + 1, 30) for number, at in enumerate(sent)]
    samples = []
    for time in range(10 * MS, 1000 * MS, 10 * MS):
        unread = 30 * sum(at <= time < call.received for at, call in zip(sent, calls, strict=True))
        if unread:
            samples.append(Sample(time - 10 * MS, time, unread))
    for at, call, start in zip(sent, calls, unread_since(samples, calls), strict=True):
        if call.received - at > 10 * MS:
            assert start is not None
            assert abs(start - at) <= 5 * MS


def test_short_stay_after_a_long_pause_of_sampling() -> None:
    assert unread_since([Sample(100, 900, 28)], [ReadCall(903, 28)]) == [897]


def test_bytes_that_were_read_belong_to_no_later_call() -> None:
    """A message that is no call, or whose call is not known, is read before the socket is seen empty."""
    samples = [Sample(90, 100, 28), Sample(100, 110, 0), Sample(490, 500, 28), Sample(500, 510, 0)]
    assert unread_since(samples, [ReadCall(450, 28), ReadCall(505, 28)]) == [None, 495]


def answer(inode: int, unread: int) -> bytes:
    body = struct.pack("<BBBBIII", 1, 1, 1, 0, inode, 0, 0)
    body += struct.pack("<HHI", 8, 3, 0) + struct.pack("<HHII", 12, 4, unread, 0)
    return struct.pack("<IHHII", 16 + len(body), 20, 0, 1, 0) + body


def test_kernel_answers_are_read() -> None:
    kinds = [body for _, body in sockdiag.messages(answer(7, 0) + answer(8, 99))]
    assert [sockdiag.unread_of_unix(body) for body in kinds] == [(7, 0), (8, 99)]


def test_cut_off_answers_say_nothing() -> None:
    whole = answer(8, 99)
    assert list(sockdiag.messages(whole[:10])) == []
    assert list(sockdiag.messages(struct.pack("<IHHII", 3, 20, 0, 1, 0))) == []
    assert sockdiag.unread_of_unix(whole[16:24]) == (0, 0)
    assert sockdiag.unread_of_tcp(bytes(71)) == (0, 0)


def test_answer_of_a_tcp_connection() -> None:
    body = struct.pack("<BBBB48xIIIII", 2, 1, 0, 0, 5, 123, 6, 0, 4711)
    assert sockdiag.unread_of_tcp(body + bytes(36)) == (4711, 123)


class Samples:
    """A sampler that has seen unread bytes of each socket at 100 ms."""

    def __init__(self, unread: int, connections: frozenset[int]) -> None:
        self.unread = unread
        self.connections = connections

    def take(self, inode: int, until: int) -> list[Sample]:
        return [Sample(90 * MS, 100 * MS, self.unread)] if until >= 100 * MS else []

    def oldest(self, inode: int) -> int:
        return 100 * MS

    def forget(self, before: int) -> None:
        raise AssertionError("nothing is old yet")


class Clients:
    """Each client's socket has its address for an inode."""

    def __init__(self, security: Security) -> None:
        self.security = security

    def socket(self, client: int) -> Socket:
        return Socket(client, self.security)


def ended(client: int, received: int) -> CallEvent:
    event: CallEvent = CallEvent._make([0] * len(CallEvent._fields))
    return event._replace(pid=1, client=client, received=received, bytes=28, request=3)


def throttled(security: Security, unread: int = 28, by_tcp: bool = True) -> Throttled:
    """One call that was read before the unread bytes were seen, and two after."""
    found = Throttled(Clients(security), Samples(unread, frozenset({7} if by_tcp else ())))
    for received in (99, 120, 150):
        found.add(ended(7, received * MS))
    return found


@pytest.mark.parametrize("security", Security)
def test_bytes_of_a_unix_socket_are_those_of_messages(security: Security) -> None:
    found = throttled(security, by_tcp=False)
    assert (found.sums(), found.encrypted) == ({3: 25 * MS}, 0)


@pytest.mark.parametrize(("security", "message"), [(Security.NONE, 28), (Security.TLS, 50)])
def test_bytes_of_a_network_connection_are_those_of_messages_or_of_records(
    security: Security, message: int
) -> None:
    for unread, ns in ((message, 25 * MS), (2 * message, 80 * MS)):
        found = throttled(security, unread)
        assert (found.sums(), found.encrypted) == ({3: ns}, 0)


def test_what_sasl_encrypts_is_counted_as_such_and_tells_nothing() -> None:
    found = throttled(Security.SASL)
    assert (found.sums(), found.encrypted) == ({}, 1)
