"""Futex waits among the lines of /proc/PID/task/TID/syscall."""

import ctypes
import os
import struct

import pytest

from tracer.blocked import BlockedThread, blocked_threads, parse_call

OWN = os.getpid()
REST = "0x0 0x0 0x7ffc0 0x7f120"


@pytest.mark.parametrize("operation", [0, 6, 9, 11, 13, 128, 137, 393])
def test_every_way_to_wait(operation: int) -> None:
    line = f"202 0x5000 {operation:#x} 0x2 0x0 {REST}\n"
    assert parse_call(OWN, 7, line) == BlockedThread(7, 0x5000, operation, 2, 0x7F120, 0x7FFC0)


@pytest.mark.parametrize("operation", [1, 3, 4, 5, 7, 10, 129, 133])
def test_wakes_and_requeues_are_no_waits(operation: int) -> None:
    assert parse_call(OWN, 7, f"202 0x5000 {operation:#x} 0x1 0x0 {REST}\n") is None


def test_only_the_32_bits_that_the_call_looks_at() -> None:
    line = f"202 0x5000 0xdead00000080 0xffffffff00000002 0x0 {REST}\n"
    assert parse_call(OWN, 7, line) == BlockedThread(7, 0x5000, 128, 2, 0x7F120, 0x7FFC0)


def test_the_newer_call() -> None:
    line = f"455 0x5000 0x3 0xffffffff 0x82 {REST}\n"
    assert parse_call(OWN, 7, line) == BlockedThread(7, 0x5000, 9, 3, 0x7F120, 0x7FFC0)


def test_a_wait_for_several_words_is_one_for_the_first() -> None:
    entries = ctypes.create_string_buffer(struct.pack("<QQIIQQII", 5, 0x6000, 2, 0, 6, 0x7000, 2, 0))
    line = f"449 {ctypes.addressof(entries):#x} 0x2 0x0 0x0 {REST}\n"
    assert parse_call(OWN, 7, line) == BlockedThread(7, 0x6000, 9, 5, 0x7F120, 0x7FFC0)
    assert parse_call(OWN, 7, f"449 0x10 0x2 0x0 0x0 {REST}\n") is None
    assert parse_call(1 << 22, 7, line) is None


def test_a_restarted_call_is_believed_only_where_it_is_a_futex_wait() -> None:
    """The thread is made up, so that the kernel says nothing about it."""
    assert parse_call(OWN, 0, f"219 0x5000 0x89 0x0 0x7000 {REST}\n") is not None
    assert parse_call(OWN, 0, f"219 0x5000 0x9 0x0 0x7000 {REST}\n") is None


@pytest.mark.parametrize("line", ["running\n", "-1 0x7ffc0 0x7f120\n", "", f"0 0x3 0x5000 0x2 0x0 {REST}\n"])
def test_all_else(line: str) -> None:
    assert parse_call(OWN, 7, line) is None


def test_a_process_that_is_gone_has_no_threads() -> None:
    assert blocked_threads(1 << 22) == []
