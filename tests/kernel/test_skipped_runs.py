"""Runs that the kernel skips are counted: programs of a CPU on which a map is just being read or changed."""

import re
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracer.kernel import compiler, syscalls
from tracer.kernel.plan import Plan
from tracer.kernel.programs import Module

# bcc warns of text that is no bytes.
pytestmark = pytest.mark.filterwarnings("ignore:not a bytes object")

PROGRAM = """
BPF_TABLE("hash", u64, u64, numbers, 16384);
int tick(void *ctx) {
    return 0;
}
"""
PATIENCE = 5  # seconds


@pytest.fixture
def module() -> Iterator[Module]:
    module = Module(compiler.compile_module(PROGRAM, {}), Plan())
    module.load("tick")
    compiler.attach_tracepoint(module.bcc, "timer:hrtimer_expire_entry", "tick")
    yield module
    module.close()


def told(program: int) -> int:
    """The kernel's own word."""
    fields = Path(f"/proc/self/fdinfo/{program}").read_text()
    (number,) = re.findall(r"recursion_misses:\s*(\d+)", fields)
    return int(number)


def test_skipped_runs_are_those_that_the_kernel_tells_of(module: Module) -> None:
    """Ticks of the clock come while the map is read. Before 6.7 Linux tells of none that are missed."""
    numbers, program = module.map_fd("numbers"), module.programs["tick"]
    for number in range(10_000):
        syscalls.update(numbers, struct.pack("<Q", number), bytes(8))
    end = time.monotonic() + PATIENCE
    while not told(program) and time.monotonic() < end:
        assert len(list(syscalls.items(numbers, 8, 8))) == 10_000
    before = told(program)
    skipped = syscalls.program_runs(program).skipped
    assert before <= skipped <= told(program)
