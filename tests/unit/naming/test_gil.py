import pytest
from fake_memory import FakeMemory, HostileMemory

from tracer.naming.gil import gil_part

RUNTIME, RECORD = 0x100000, 0x100168
THREAD, INTERPRETER = 0x200000, 0x300000


def python_memory() -> FakeMemory:
    memory = FakeMemory()
    memory.write(RUNTIME, bytes(4096))
    memory.write_u64(RECORD, 5000, THREAD, 1, 7)
    memory.write_u64(THREAD, 0, 0, INTERPRETER)
    memory.write_u64(INTERPRETER, 0, 1, 2, 3, 4, RUNTIME)
    return memory


@pytest.mark.parametrize(
    ("offset", "name"), [(32, "GIL"), (80, "GIL mutex"), (120, "GIL switch"), (168, "GIL switch mutex")]
)
def test_the_parts_of_the_gil(offset: int, name: str) -> None:
    assert gil_part(python_memory(), RUNTIME, RECORD + offset) == name


@pytest.mark.parametrize("offset", [0, 8, 40, 48, 2000])
def test_what_lies_elsewhere_in_the_runtime(offset: int) -> None:
    assert gil_part(python_memory(), RUNTIME, RECORD + offset) is None


@pytest.mark.parametrize(
    ("address", "value"),
    [(RECORD, 0), (RECORD, 1 << 40), (RECORD + 8, 0), (RECORD + 16, 77), (INTERPRETER + 40, RUNTIME + 8)],
)
def test_nothing_is_said_unless_everything_agrees(address: int, value: int) -> None:
    memory = python_memory()
    memory.write_u64(address, value)
    assert gil_part(memory, RUNTIME, RECORD + 32) is None


@pytest.mark.parametrize("seed", range(20))
def test_hostile_memory_gives_no_error(seed: int) -> None:
    memory = HostileMemory(seed, (THREAD, INTERPRETER))
    gil_part(memory, RUNTIME, RECORD + 32)
    assert memory.reads < 100
