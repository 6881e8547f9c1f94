"""How the sleeps for a semaphore become waits: of who only takes, and of who uses it as a lock."""

from collections.abc import Iterator

import pytest
from harness import Build, Program, Trace, busy, trace
from truth import assert_close, locks_of, of_program, sum_locks

ITEMS = 1000
CONSUMERS = (1, 2, 3)
LOCKS = ("sem:8:20:1", "sem:8:200:1", "sem:8:1000:1")


@pytest.fixture(scope="module")
def consumed(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trace]:
    with Program([build("consumers.c"), str(ITEMS), *map(str, CONSUMERS)]) as program:
        yield trace(program, tmp_path_factory.mktemp("consumers"), "--threshold", "100us")


@pytest.fixture(scope="module")
def locked(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trace]:
    with Program([build("contend.c"), *LOCKS]) as program:
        folder = tmp_path_factory.mktemp("locked")
        yield trace(program, folder, "--threshold", "100us", beside=busy(2))


@pytest.mark.accuracy
@pytest.mark.parametrize("consumers", CONSUMERS)
def test_every_item_is_a_wait(consumed: Trace, consumers: int) -> None:
    (lock,) = locks_of(consumed, str(consumers))
    found = lock["kind"], lock["waits"], lock["sleeps"]
    assert found == ("sem", ITEMS, ITEMS), consumed.report["health"]


@pytest.mark.accuracy
@pytest.mark.parametrize("lock", LOCKS)
def test_a_lost_token_splits_no_wait_on_busy_cpus(locked: Trace, lock: str) -> None:
    own, found = of_program(locked, lock), sum_locks(locks_of(locked, lock))
    assert_close(found.waits, own.waits, 0.02, "waits", slack=2)
    assert_close(found.wait_ns, own.wait_ns, 0.02, "ns")
