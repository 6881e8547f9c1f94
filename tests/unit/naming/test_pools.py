import pytest
from fake_memory import FakeMemory, HostileMemory

from tracer.naming.pools import pool_job

POOL, MUTEX, CONDITION = 0x7F0000001000, 0x7F0000001048, 0x7F0000001070
FUNCTION, NAME, LONG_NAME = 0x400123, 0x500000, 0x500100
THREADS = ("main", "rpc-libvirtd", "prio-a-job-with")


def pool_memory() -> FakeMemory:
    memory = FakeMemory()
    memory.write(POOL - 1024, bytes(2048))
    memory.write_u64(POOL, 0, FUNCTION, NAME)
    memory.write_text(NAME, "rpc-libvirtd")
    memory.write_text(LONG_NAME, "a-job-with-a-long-name")
    return memory


def job_at(memory: FakeMemory, base: int, threads: tuple[str, ...] = THREADS) -> str | None:
    return pool_job(memory, lambda address: address == FUNCTION, lambda: threads, base)


@pytest.mark.parametrize("base", [MUTEX, CONDITION, POOL + 264])
def test_locks_of_a_pool(base: int) -> None:
    assert job_at(pool_memory(), base) == "rpc-libvirtd"


def test_a_name_that_is_longer_than_a_threads() -> None:
    memory = pool_memory()
    memory.write_u64(POOL + 16, LONG_NAME)
    assert job_at(memory, MUTEX) == "a-job-with-a-long-name"


@pytest.mark.parametrize(("word", "value"), [(8, 0x1234), (16, 0), (16, FUNCTION)])
def test_what_is_not_quite_a_pool(word: int, value: int) -> None:
    memory = pool_memory()
    memory.write_u64(POOL + word, value)
    assert job_at(memory, MUTEX) is None


def test_a_pool_that_no_thread_works_for() -> None:
    assert job_at(pool_memory(), MUTEX, ("main",)) is None


def test_a_lock_far_from_any_pool() -> None:
    assert job_at(pool_memory(), POOL + 512) is None
    assert job_at(pool_memory(), POOL - 8) is None
    assert job_at(pool_memory(), 64) is None


@pytest.mark.parametrize("seed", range(20))
def test_hostile_memory_gives_no_error(seed: int) -> None:
    memory = HostileMemory(seed, (FUNCTION, NAME))
    pool_job(memory, lambda address: True, lambda: THREADS, MUTEX)
    assert memory.reads < 100
