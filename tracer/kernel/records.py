"""What the kernel side sends and keeps: typed, unresolved. Fields are those of bpf/lockwatch.h."""

import struct
from typing import NamedTuple

from tracer import abi


class WaitEvent(NamedTuple):
    """A wait that reached the threshold and is over. Up to `started`: what it was; then, how it went."""

    type: int
    pid: int
    tid: int
    operation: int
    value: int
    place: int
    word: int
    ip: int
    stack: int
    object: int
    request: int
    comm: bytes
    started: int
    ended: int
    call: int
    owner_request: int
    owner: int
    sleeps: int
    outcome: int
    flags: int


class ReleaseEvent(NamedTuple):
    """A release that was charged with the threshold or more."""

    type: int
    pid: int
    tid: int
    operation: int
    word: int
    time: int
    blame_ns: int
    stack: int
    object: int
    request: int
    comm: bytes


class ReleaseKey(NamedTuple):
    """What releases are summed by."""

    word: int
    stack: int
    request: int
    pid: int
    tid: int


class ReleaseTotal(NamedTuple):
    """Releases of one key that were charged with the threshold or more."""

    releases: int
    blame_ns: int
    comm: bytes


class ExecEvent(NamedTuple):
    """The process runs another program from now on, and is traced no longer."""

    type: int
    pid: int


class Call(NamedTuple):
    """The call that a thread serves."""

    request: int
    message: int
    client: int
    received: int
    dispatched: int
    bytes: int
    lock_tid: int
    pad: int


class CallEvent(NamedTuple):
    """A served call is over."""

    type: int
    pid: int
    tid: int
    failed: int
    request: int
    received: int
    dispatched: int
    replied: int
    client: int
    bytes: int
    off_cpu: int
    run_queue: int


class StackEvent(NamedTuple):
    """A stack's program counters, innermost first, under the id that other records use."""

    id: int
    pid: int
    end: int
    pcs: tuple[int, ...]


class ThreadState(NamedTuple):
    """What a thread waits, or has last waited, for."""

    word: int
    started: int
    ended: int
    slept: int
    left: int
    run_delay: int
    ip: int
    sp: int
    bp: int
    stack: int
    object: int
    request: int
    call: int
    owner_request: int
    pid: int
    operation: int
    value: int
    owner: int
    sleeps: int
    phase: int
    outcome: int
    flags: int
    marked: int


class WaitKey(NamedTuple):
    """What waits are summed by."""

    word: int
    ip: int
    object: int
    request: int
    pid: int
    operation: int
    value: int
    pad: int


class WaitTotal(NamedTuple):
    """All ended waits of one key. `histogram[i]` counts those of 2**i to 2**(i+1) ns."""

    stack: int
    waits: int
    wait_ns: int
    max_wait_ns: int
    sleeps: int
    timeouts: int
    interrupted: int
    long_waits: int
    long_wait_ns: int
    eagain: int
    histogram: tuple[int, ...]


class OwnerKey(NamedTuple):
    """What owners are counted by."""

    word: int
    object: int
    request: int
    owner_request: int
    pid: int
    owner: int


class OwnerTotal(NamedTuple):
    """Waits that began while this owner held the lock."""

    waits: int
    wait_ns: int
    confirmed: int


class WordKey(NamedTuple):
    """A futex word of a process."""

    word: int
    pid: int
    pad: int


class WordState(NamedTuple):
    """A word's account of blame."""

    waiters: int
    charged: int
    short_ns: int
    short_releases: int
    unreleased: int
    charged_at: int
    object: int
    moved: int
    idle_until: int
    alone_until: int


class IdleKey(NamedTuple):
    """Waits of one place in the code that may be known to be idle."""

    word: int
    ip: int
    object: int
    pid: int
    operation: int
    value: int
    place: int


class IdleStack(NamedTuple):
    """The stack of such waits, and until when they need none of their own."""

    stack: int
    until: int


WAIT_EVENT = abi.layout("wait_event", WaitEvent)
RELEASE_EVENT = abi.layout("release_event", ReleaseEvent)
RELEASE_KEY = abi.layout("release_key", ReleaseKey)
RELEASE_TOTAL = abi.layout("release_total", ReleaseTotal)
EXEC_EVENT = abi.layout("exec_event", ExecEvent)
CALL = abi.layout("call", Call)
CALL_EVENT = abi.layout("call_event", CallEvent)
THREAD_STATE = abi.layout("thread_state", ThreadState)
WAIT_KEY = abi.layout("wait_key", WaitKey)
WAIT_TOTAL = abi.layout("wait_total", WaitTotal)
OWNER_KEY = abi.layout("owner_key", OwnerKey)
OWNER_TOTAL = abi.layout("owner_total", OwnerTotal)
WORD_KEY = abi.layout("word_key", WordKey)
WORD_STATE = abi.layout("word_state", WordState)
IDLE_KEY = abi.layout("idle_key", IdleKey)
IDLE_STACK = abi.layout("idle_stack", IdleStack)

TYPE = struct.Struct("<I")
STACK_HEADER = struct.Struct("<IIIHHQ")

Event = WaitEvent | ReleaseEvent | ExecEvent | CallEvent | StackEvent

EVENT_WAIT = abi.number("EVENT_WAIT")
EVENT_RELEASE = abi.number("EVENT_RELEASE")
EVENT_STACK = abi.number("EVENT_STACK")
EVENT_EXEC = abi.number("EVENT_EXEC")
EVENT_CALL = abi.number("EVENT_CALL")
PHASE_BETWEEN = abi.number("PHASE_BETWEEN")
PHASE_ASLEEP = abi.number("PHASE_ASLEEP")
WAIT_STACK_TAKEN = abi.number("WAIT_STACK_TAKEN")
WAIT_BEFORE_ATTACH = abi.number("WAIT_BEFORE_ATTACH")
WAIT_OWNER_CONFIRMED = abi.number("WAIT_OWNER_CONFIRMED")
WAIT_RESUMED = abi.number("WAIT_RESUMED")
OUTCOME_INTERRUPTED = abi.number("OUTCOME_INTERRUPTED")

PLACE_MASK = abi.number("PLACE_MASK")
HISTOGRAM_SLOTS = abi.number("HISTOGRAM_SLOTS")
COMMAND_MASK, WAIT, WAIT_BITSET = 127, 0, 9  # of futex(2)
FUTEX_WAITERS = 1 << 31

OUTCOMES = ("woken", "timeout", "interrupted")  # by enum outcome


def decode(raw: bytes) -> Event:
    """One record of the event ring. Raises ValueError for a type that the header does not have."""
    (kind,) = TYPE.unpack_from(raw)
    if kind == EVENT_CALL:
        return CallEvent._make(CALL_EVENT.packing.unpack(raw))
    if kind == EVENT_WAIT:
        return WaitEvent._make(WAIT_EVENT.packing.unpack(raw))
    if kind == EVENT_RELEASE:
        return ReleaseEvent._make(RELEASE_EVENT.packing.unpack(raw))
    if kind == EVENT_STACK:
        return _stack(raw)
    if kind == EVENT_EXEC:
        return ExecEvent._make(EXEC_EVENT.packing.unpack(raw))
    raise ValueError(f"event of unknown type {kind}")


def _stack(raw: bytes) -> StackEvent:
    _type, pid, _tid, frames, end, stack_id = STACK_HEADER.unpack_from(raw)
    return StackEvent(stack_id, pid, end, struct.unpack_from(f"<{frames}Q", raw, STACK_HEADER.size))


def wait_total(raw: bytes) -> WaitTotal:
    """A value of the map of sums."""
    values = WAIT_TOTAL.packing.unpack(raw)
    return WaitTotal._make((*values[:10], values[10:]))


def wait_event(tid: int, state: ThreadState, comm: bytes) -> WaitEvent:
    """The event that the kernel side would send if it closed the wait of this state now."""
    return WaitEvent(
        type=EVENT_WAIT,
        pid=state.pid,
        tid=tid,
        operation=state.operation,
        value=way_of_waiting(state.operation, state.value),
        place=state.sp & PLACE_MASK,
        word=state.word,
        ip=state.ip,
        stack=state.stack,
        object=state.object,
        request=state.request,
        comm=comm,
        started=state.started,
        ended=state.ended,
        call=state.call,
        owner_request=state.owner_request,
        owner=state.owner,
        sleeps=max(state.sleeps, 1),
        outcome=OUTCOME_INTERRUPTED if state.flags & WAIT_RESUMED else state.outcome,
        flags=state.flags,
    )


def way_of_waiting(operation: int, value: int) -> int:
    """The part of the expected value that waits are told apart by, as bpf/waits.h has it."""
    command = operation & COMMAND_MASK
    if command == WAIT:
        return value if value == 2 else value & FUTEX_WAITERS or value & 1
    if command == WAIT_BITSET:
        return value if value <= 3 else value & 4
    return 0
