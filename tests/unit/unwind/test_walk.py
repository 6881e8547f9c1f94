"""Stacks unwound from memory, with and without rbp."""

import os
import random
import threading
import time

import pytest
from stacks import (
    ALIGNED,
    BAD,
    FRAMED,
    FUNCTION,
    GENERATED,
    LEAF,
    OUTERMOST,
    PID,
    PLT,
    PUSHED,
    SIGNAL,
    STACK,
    STUCK,
    UNKNOWN,
    MadeUpTables,
    StackMemory,
)

from tracer.blocked import blocked_threads
from tracer.memory import Memory
from tracer.model.stacks import StackEnd
from tracer.unwind.memory import GUESS_STEPS, MAX_FRAMES, unwind_memory
from tracer.unwind.tables import build

TABLES = MadeUpTables()


def unwind(ip: int, words: list[int], bp: int | None = None) -> tuple[list[int], StackEnd]:
    pcs, end = unwind_memory(TABLES, StackMemory(*words), PID, ip, STACK, bp)
    return list(pcs), end


def at(index: int) -> int:
    """The address of a word of the stack."""
    return STACK + 8 * index


def test_up_to_the_outermost_frame() -> None:
    words = [PUSHED + 9, 0, 0x1234, LEAF + 1, OUTERMOST + 5]
    expected = [LEAF + 4, PUSHED + 9, LEAF + 1, OUTERMOST + 5]
    assert unwind(LEAF + 4, words) == (expected, StackEnd.COMPLETE)


def test_a_return_address_of_zero_is_the_end() -> None:
    assert unwind(LEAF, [LEAF + 8, 0]) == ([LEAF, LEAF + 8], StackEnd.COMPLETE)


def test_a_return_address_belongs_to_the_call_before_it() -> None:
    """The call was the function's last instruction: the address is that of the next function."""
    assert unwind(LEAF, [LEAF + FUNCTION, OUTERMOST + 1]) == (
        [LEAF, LEAF + FUNCTION, OUTERMOST + 1],
        StackEnd.COMPLETE,
    )


def test_a_signal_frame_restores_everything_and_its_pc_is_exact() -> None:
    words = [SIGNAL + 1] + [0] * 40
    frame = 1  # rsp after the handler's return
    words[frame + 15], words[frame + 20], words[frame + 21] = at(36), at(30), FRAMED
    words[37] = OUTERMOST + 3
    assert unwind(LEAF, words) == ([LEAF, SIGNAL + 1, FRAMED, OUTERMOST + 3], StackEnd.COMPLETE)


@pytest.mark.parametrize(("byte", "slots"), [(2, 1), (11, 2), (15, 2)])
def test_a_plt_stub_before_and_after_its_push(byte: int, slots: int) -> None:
    words = [0xBAD] * (slots - 1) + [OUTERMOST + 1]
    assert unwind(PLT + byte, words) == ([PLT + byte, OUTERMOST + 1], StackEnd.COMPLETE)


def test_a_realigned_stack_is_left_by_its_saved_pointer() -> None:
    words = [0xBAD, at(5), 0x5555, 0xBAD, FRAMED + 2, 0x6666, OUTERMOST + 1]
    assert unwind(ALIGNED + 8, words, at(2)) == (
        [ALIGNED + 8, FRAMED + 2],
        StackEnd.UNREADABLE,
    )
    words[2] = at(5)
    assert unwind(ALIGNED + 8, words, at(2)) == (
        [ALIGNED + 8, FRAMED + 2, OUTERMOST + 1],
        StackEnd.COMPLETE,
    )


def test_frame_pointers_through_generated_code() -> None:
    words = [0xBAD, at(3), GENERATED + 7, at(3), OUTERMOST + 1]
    assert unwind(GENERATED + 1, words, at(1)) == (
        [GENERATED + 1, GENERATED + 7, OUTERMOST + 1],
        StackEnd.COMPLETE,
    )


@pytest.mark.parametrize("bp", [STACK - 8, STACK + (2 << 20), at(100)])
def test_frame_pointers_that_lead_nowhere(bp: int) -> None:
    assert unwind(GENERATED, [1, 2, 3, 4], bp) == ([GENERATED], StackEnd.JIT)


@pytest.mark.parametrize(
    ("ip", "end"),
    [
        (0x400, StackEnd.NO_MAPPING),
        (UNKNOWN + 1, StackEnd.NO_ROW),
        (BAD + 1, StackEnd.BAD_ROW),
        (LEAF + 1, StackEnd.UNREADABLE),
    ],
)
def test_why_a_stack_ends_early(ip: int, end: StackEnd) -> None:
    assert unwind(LEAF, [ip]) == ([LEAF, ip], end)


def test_a_stack_that_never_ends_is_cut() -> None:
    pcs, end = unwind(LEAF, [LEAF + 1] * 500)
    assert (len(pcs), end) == (MAX_FRAMES, StackEnd.TOO_DEEP)


FRAME_ABOVE = [0xBAD, LEAF + 3, 0xBAD, at(7), FRAMED + 5, 0xBAD, 0xBAD, 0, OUTERMOST + 1]


def test_an_unknown_rbp_is_guessed_where_it_is_needed() -> None:
    """Slot 0 looks like a frame too, but its chain does not end well."""
    expected = [FRAMED + 9, FRAMED + 5, OUTERMOST + 1]
    assert unwind(FRAMED + 9, FRAME_ABOVE, at(3)) == (expected, StackEnd.COMPLETE)
    assert unwind(FRAMED + 9, FRAME_ABOVE) == (expected, StackEnd.COMPLETE)


def test_an_unknown_rbp_that_is_restored_in_time_is_never_guessed() -> None:
    words = [0xBAD, at(4), FRAMED + 1, 0xBAD, 0, OUTERMOST + 1]
    assert unwind(PUSHED + 1, words) == ([PUSHED + 1, FRAMED + 1, OUTERMOST + 1], StackEnd.COMPLETE)


def test_a_chain_that_runs_into_zero_is_second_choice() -> None:
    words = [0xBAD, LEAF + 3, 0, 0xBAD, OUTERMOST + 2]
    assert unwind(FRAMED, words) == ([FRAMED, OUTERMOST + 2], StackEnd.COMPLETE)
    assert unwind(FRAMED, words[:3]) == ([FRAMED, LEAF + 3], StackEnd.COMPLETE)


def test_a_guess_without_an_answer_keeps_what_is_certain() -> None:
    assert unwind(LEAF, [FRAMED + 1, 1, 2, 3]) == ([LEAF, FRAMED + 1], StackEnd.UNREADABLE)


class Garbage(Memory):
    """Every address reads as something, mostly plausible."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.words = 0

    def read_some(self, address: int, size: int) -> bytes:
        count = size // 8
        self.words += count
        choices = [LEAF, PUSHED, FRAMED, ALIGNED, PLT, SIGNAL, STUCK, GENERATED, UNKNOWN]
        words = [
            self._random.choice(choices) + self._random.randrange(1, FUNCTION)
            if self._random.random() < 0.5
            else STACK + 8 * self._random.randrange(1 << 13)
            for _ in range(count)
        ]
        return b"".join(word.to_bytes(8, "little") for word in words)


@pytest.mark.parametrize("seed", range(12))
def test_garbage_gives_a_bounded_answer(seed: int) -> None:
    """There is no outermost frame anywhere, so that every guess goes as far as it may."""
    memory = Garbage(seed)
    ip = (FRAMED, ALIGNED, LEAF, GENERATED)[seed % 4] + 1
    pcs, end = unwind_memory(TABLES, memory, PID, ip, STACK, None)
    assert 1 <= len(pcs) <= MAX_FRAMES
    assert pcs[0] == ip
    assert end in StackEnd
    assert memory.words < (1 << 13) + 3 * (GUESS_STEPS + 2 * MAX_FRAMES)


def test_a_thread_of_our_own_that_waits_for_a_lock() -> None:
    lock = threading.Lock()
    lock.acquire()
    thread = threading.Thread(target=lock.acquire)
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while not (found := [one for one in blocked_threads(os.getpid()) if one.tid == thread.native_id]):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        tables = build([os.getpid()])
        sleeping = found[0]
        memory = Memory(os.getpid())
        pcs, end = unwind_memory(tables, memory, os.getpid(), sleeping.ip, sleeping.sp, None)
        assert end is StackEnd.COMPLETE
        assert len(pcs) > 6
        assert all(tables.function(os.getpid(), pc - 1) for pc in pcs[1:-1])
    finally:
        lock.release()
        thread.join()
