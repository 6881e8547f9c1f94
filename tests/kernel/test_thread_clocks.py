"""Whose CPU time is read to the moment: not that of threads that are switched all the time."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tracer.kernel.thread_clocks import TaskClocks, mean_turn_ns

NAPS = "while :; do sleep 0.001; done"
BUSY = "while :; do :; done"
NO_THREAD = 1 << 22
READING_NS = 10_000_000  # a clock is read some time within its reading
LONG_ENOUGH = 1.0  # s: some hundred turns, or so many scheduler ticks


@contextmanager
def running(script: str) -> Iterator[int]:
    with subprocess.Popen(["sh", "-c", script]) as process:
        time.sleep(LONG_ENOUGH)
        yield process.pid
        process.kill()


@pytest.fixture
def clocks() -> Iterator[TaskClocks]:
    opened = TaskClocks()
    yield opened
    opened.close()


def test_a_busy_thread_has_a_clock(clocks: TaskClocks) -> None:
    with running(BUSY) as pid:
        clocks.watch([(pid, pid)])
        before = clocks.read()
        time.sleep(0.1)
        after = clocks.read()
    assert 0 < before.until(after)[pid, pid] <= after.at_ns - before.at_ns + READING_NS


def test_a_thread_that_is_switched_all_the_time_has_none(clocks: TaskClocks) -> None:
    with running(NAPS) as pid:
        clocks.watch([(pid, pid)])
        assert clocks.read().cpu_ns == {}


def test_a_thread_that_is_gone_has_none(clocks: TaskClocks) -> None:
    clocks.watch([(NO_THREAD, NO_THREAD)])
    assert clocks.read().cpu_ns == {}
    assert mean_turn_ns(NO_THREAD, NO_THREAD) == float("inf")
