"""Requests from stacks alone."""

import pytest

from tracer.errors import UsageError
from tracer.model.kinds import Kind
from tracer.model.locks import Lock, Thread
from tracer.model.stacks import Frame, Stack, StackEnd
from tracer.model.waits import WaitSum
from tracer.requests.choice import pattern_of
from tracer.requests.pattern import Pattern

MUTEX = Lock(1, 0x10, Kind.MUTEX, "cache_lock", "cache_lock")
COND = Lock(1, 0x30, Kind.COND, "done", "done")


def stack(*functions: str | None) -> Stack:
    frames = tuple(Frame(function, "server", 0x100, 0x1100) for function in functions)
    return Stack(frames, StackEnd.COMPLETE)


def test_outermost_match_is_the_request() -> None:
    nested = stack("pthread_mutex_lock", "handle_read", "helper", "handle_post", "main")
    assert Pattern("handle_*").request(nested) == "handle_post"


def test_any_of_several_patterns_matches() -> None:
    pattern = Pattern("serve?, remoteDispatch*")
    assert (
        pattern.request(stack("lock", "remoteDispatchDomainGetInfo", None)) == "remoteDispatchDomainGetInfo"
    )
    assert pattern.request(stack("lock", "serve1")) == "serve1"
    assert pattern.request(stack("lock", "preserve1", None)) is None


def test_waits_are_summed_by_request() -> None:
    thread = Thread(1, 2, "worker")
    waits = [
        WaitSum(MUTEX, Kind.MUTEX, stack("lock", "handle_get"), thread, None, 3, 300, 200),
        WaitSum(COND, Kind.COND, stack("wait", "handle_get"), thread, None, 1, 50, 50),
        WaitSum(MUTEX, Kind.MUTEX, stack("lock", "main"), thread, None, 9, 900, 100),
    ]
    (total,) = Pattern("handle_*").totals(waits)
    assert (total.api, total.lock_wait_ns, total.cond_wait_ns, total.calls) == ("handle_get", 300, 50, 0)
    assert total.locks[0].calls == 3


@pytest.mark.parametrize("text", ["", " , "])
def test_empty_pattern_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Pattern(text)


@pytest.mark.parametrize("text", ["auto", "off", "libvirt"])
def test_words_are_no_patterns(text: str) -> None:
    assert pattern_of(text) is None
