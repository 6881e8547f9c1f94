"""A call whose time off the CPU no map has room for is counted as lost."""

import os
import struct
from collections.abc import Iterator
from threading import Thread

import pytest

from tracer import abi
from tracer.bpf_files import bpf_folder
from tracer.kernel import btf, compiler, syscalls
from tracer.kernel.plan import Parts, Plan
from tracer.kernel.programs import HEADERS, TABLES, Module

# bcc warns of text that is no bytes.
pytestmark = pytest.mark.filterwarnings("ignore:not a bytes object")

PROGRAM = """
int serve(void *ctx) {
    if (current_ids().pid == OWN_PID)
        starts_running();
    return 0;
}
"""
CAPACITIES = ("THREADS", "WAITS", "WAKES", "STACKS", "ROWS", "BLOCKS", "MAPPINGS")


@pytest.fixture
def module() -> Iterator[Module]:
    """Each getpgid(2) of this process is a call that is being served; there is room for one thread's."""
    offset = btf.run_delay_offset()
    assert offset is not None
    text = (
        "\n".join((bpf_folder() / part).read_text() for part in (*HEADERS, TABLES, "sched.bpf.c")) + PROGRAM
    )
    definitions = {f"{name}_CAPACITY": 1 for name in CAPACITIES}
    definitions |= {"TARGET_PLACES": 1, "TARGET_AREAS": 2, "EVENT_PAGES": 1}
    definitions |= {"OWN_PID": os.getpid(), "TASK_RUN_DELAY": offset}
    module = Module(compiler.compile_module(text, definitions), Plan(Parts(sched=True)))
    module.load("serve")
    compiler.attach_tracepoint(module.bcc, "syscalls:sys_enter_getpgid", "serve")
    yield module
    module.close()


def call_in_a_thread() -> None:
    thread = Thread(target=os.getpgid, args=(0,))
    thread.start()
    thread.join()


def test_a_full_map_is_a_loss(module: Module) -> None:
    def lost() -> int:
        return syscalls.per_cpu_array_sum(module.map_fd("counters"), abi.number("COUNTER_CALLS_LOST"))

    os.getpgid(0)
    assert lost() == 0
    call_in_a_thread()
    call_in_a_thread()
    assert lost() == 2
    (room,) = syscalls.items(module.map_fd("running_calls"), 8, 40)
    assert struct.unpack("<4Q2I", room[1])[4] == os.getpid()
