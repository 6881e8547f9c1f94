"""Long waits that are summed without a look: only those that are like one before in all that tells."""

import struct
from typing import Any

import pytest

from tracer import abi
from tracer.alike import WHAT_IT_WAS, AlikeWaits
from tracer.kernel import records as raw
from tracer.ledger import Sum
from tracer.requests.calls import WaitingCalls

WAIT = raw.WaitEvent(
    type=raw.EVENT_WAIT,
    pid=7,
    tid=8,
    operation=128,
    value=2,
    place=0x80,
    word=0x40,
    ip=0x10,
    stack=5,
    object=0,
    request=3,
    comm=b"worker",
    started=100,
    ended=400,
    call=90,
    owner_request=0,
    owner=9,
    sleeps=1,
    outcome=0,
    flags=0,
)


def packed(**differs: Any) -> bytes:
    return raw.WAIT_EVENT.packing.pack(*WAIT._replace(**differs))


def test_wait_like_a_known_one_is_summed_with_it() -> None:
    alike, sums, calls = AlikeWaits(), Sum(), WaitingCalls()
    assert not alike.add(packed())
    alike.know(packed(), sums, calls)
    assert alike.add(packed(started=1000, ended=1500, call=950, owner=0, sleeps=3, flags=8))
    assert alike.add(packed(started=1600, ended=1700, call=950))
    assert (sums.number, sums.ns, sums.largest_ns, calls.calls) == (2, 600, 500, 1)


@pytest.mark.parametrize(
    "field", ["type", "pid", "tid", "operation", "value", "place", "word", "ip", "stack", "object", "request"]
)
def test_wait_that_differs_is_looked_at(field: str) -> None:
    alike = AlikeWaits()
    alike.know(packed(), Sum(), None)
    assert alike.add(packed())
    assert not alike.add(packed(**{field: 77}))


def test_wait_of_a_thread_by_another_name_is_looked_at() -> None:
    alike = AlikeWaits()
    alike.know(packed(), Sum(), None)
    assert not alike.add(packed(comm=b"renamed"))


def test_what_is_forgotten_is_looked_at() -> None:
    alike = AlikeWaits()
    alike.know(packed(), Sum(), None)
    alike.forget()
    assert not alike.add(packed())


def test_offset_is_where_the_field_is_packed() -> None:
    assert struct.unpack_from("<QQQ", packed(), WHAT_IT_WAS) == (100, 400, 90)
    assert abi.layout("wait_event").offset("type") == 0
    assert abi.layout("wait_event").offset("word") == 24
    assert abi.layout("release_event").offset("comm") == 64
