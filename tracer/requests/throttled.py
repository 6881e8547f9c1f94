"""The time that each API's calls lay unread in a socket."""

import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Protocol

from tracer.kernel.records import CallEvent
from tracer.requests.connections import Security, Socket
from tracer.requests.throttle import ReadCall, Sample, unread_since

# Calls are told at their reply, but bytes are read in the order of arrival: so a call's turn comes when those
# that were read before it have had this long to end.
LONGEST_CALL_NS = 60 * 10**9
SETTLING_NS = 10 * 10**9
# Bytes of a message on the network beside its own. Most messages are one record of TLS 1.3, with its header,
# type and tag. What SASL makes of a message depends on the mechanism.
MORE_BYTES = {Security.NONE: 0, Security.TLS: 22, Security.SASL: None}
KEPT_CALLS = 200_000  # of a connection


class Sockets(Protocol):
    """The daemon's memory, as far as it is asked here."""

    def socket(self, client: int) -> Socket | None: ...


class Samples(Protocol):
    """What was seen unread, as far as it is asked here."""

    @property
    def connections(self) -> frozenset[int]: ...

    def take(self, inode: int, until: int) -> list[Sample]: ...

    def oldest(self, inode: int) -> int: ...

    def forget(self, before: int) -> None: ...


@dataclass(slots=True)
class Connection:
    """A client object's socket, and the calls that came through it lately: (received, bytes, request).

    `more_bytes`: of each message, see MORE_BYTES.
    """

    inode: int
    more_bytes: int | None
    calls: list[tuple[int, int, int]] = field(default_factory=list)


class Throttled:
    """Of one daemon. Connections that cannot be told from others have no throttled time, nor have those that
    SASL encrypts: `encrypted` of them were seen."""

    def __init__(self, sockets: Sockets, samples: Samples) -> None:
        self._find = sockets.socket
        self._samples = samples
        self._clients: dict[int, Connection] = {}
        self._sums: dict[int, int] = defaultdict(int)
        self._looked_up: set[int] = set()
        self.encrypted = 0
        self._next_settling_ns = 0

    def add(self, event: CallEvent) -> None:
        """A call has ended."""
        if event.client not in self._looked_up:
            self._looked_up.add(event.client)
            self._look_up(event.client)
        connection = self._clients.get(event.client)
        if connection is None or connection.more_bytes is None or not event.received:
            return
        if len(connection.calls) < KEPT_CALLS:
            connection.calls.append((event.received, event.bytes + connection.more_bytes, event.request))

    def _look_up(self, client: int) -> None:
        """An address may be another client's by now: then the old one's calls are settled first."""
        found, known = self._find(client), self._clients.get(client)
        if found is None or (known is not None and found.inode == known.inode):
            return
        if known is not None:
            self._settle(known, time.monotonic_ns())
        security = found.security if found.inode in self._samples.connections else Security.NONE
        self.encrypted += security is Security.SASL
        self._clients[client] = Connection(found.inode, MORE_BYTES[security])

    def tick(self, now: int) -> None:
        """To be called every few seconds: clients are looked up anew, and now and then calls settled."""
        self._looked_up.clear()
        if now < self._next_settling_ns:
            return
        self._next_settling_ns = now + SETTLING_NS
        until = now - LONGEST_CALL_NS
        for connection in self._clients.values():
            self._settle(connection, until)
        self._samples.forget(until)

    def sums(self) -> dict[int, int]:
        """ns by request, of all calls that have ended."""
        now = time.monotonic_ns()
        for connection in self._clients.values():
            self._settle(connection, now)
        return dict(self._sums)

    def _settle(self, connection: Connection, until: int) -> None:
        connection.calls.sort()
        samples = self._samples.take(connection.inode, until)
        calls = [ReadCall(received, size) for received, size, _ in connection.calls] if samples else []
        since = unread_since(samples, calls)
        for (received, _, request), start in zip(connection.calls, since, strict=False):
            if start is not None:
                self._sums[request] += max(received - start, 0)
        until = max(until, self._samples.oldest(connection.inode) - 1)  # what was read before has no sample
        connection.calls = [call for call in connection.calls if call[0] > until]
