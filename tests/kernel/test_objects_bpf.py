"""The kernel side's search for objects, on made-up objects in this process's own memory."""

import ctypes
import mmap
import os
import struct
import time
from collections.abc import Iterator
from itertools import count

import pytest
from harness import PATIENCE

from tracer import abi
from tracer.bpf_files import bpf_folder
from tracer.kernel import compiler, syscalls
from tracer.kernel import records as raw
from tracer.kernel.objects import ObjectMaps
from tracer.kernel.plan import Plan
from tracer.kernel.programs import Module
from tracer.naming.objects import ObjectClass
from tracer.naming.types import ObjectType

# bcc warns of text that is no bytes.
pytestmark = pytest.mark.filterwarnings("ignore:not a bytes object")

PROGRAM = """
BPF_TABLE("hash", u64, struct word_state, sought, 1024);
int seek(struct { u64 common; u64 number; u64 word; } *call) {
    struct ids ids = current_ids();
    u64 word = call->word;
    struct word_state fresh = {}, *state;
    if (ids.pid != OWN_PID)
        return 0;
    state = sought.lookup_or_try_init(&word, &fresh);
    if (state)
        state->object = object_of(ids.pid, word, state, bpf_ktime_get_ns());
    return 0;
}
"""
SYS_FUTEX, FUTEX_WAIT_PRIVATE = 202, 128
SHIFT, LABEL_SHIFT = abi.number("OBJECT_CLASS_SHIFT"), abi.number("OBJECT_LABEL_SHIFT")
NOT_SOUGHT, REACH = abi.number("OBJECT_NOT_SOUGHT"), abi.number("OBJECT_REACH")

PLAIN_CLASS, LARGE_CLASS, LABELLED_CLASS, FOREIGN_CLASS = 0x5000_1230, 0x5000_4560, 0x5000_7890, 0x5000_AAA0
HOLDER, TEXT = 40, 16
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]


def made_up(number: int, address: int, size: int, own_word: int = 0) -> ObjectClass:
    return ObjectClass(number, ObjectType(f"class {number}", address, own_word, size, ()))


class Kernel:
    """The loaded search, and a place for objects that holds nothing else; the page before is not mapped."""

    def __init__(self) -> None:
        parts = ("lockwatch.h", "ids.h", "objects.bpf.c")
        text = "\n".join((bpf_folder() / part).read_text() for part in parts) + PROGRAM
        self.module = Module(compiler.compile_module(text, {"OWN_PID": os.getpid()}), Plan())
        self.module.load("seek")
        compiler.attach_tracepoint(self.module.bcc, "syscalls:sys_enter_futex", "seek")
        self.maps = ObjectMaps(self.module)
        start = libc.mmap(None, 4 * mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_WRITE, 0x22, -1, 0)
        assert libc.munmap(ctypes.c_void_p(start), mmap.PAGESIZE) == 0
        self.start = start + mmap.PAGESIZE
        self.middle = self.start + mmap.PAGESIZE

    def clear(self) -> None:
        ctypes.memset(self.start, 0, 3 * mmap.PAGESIZE)

    def write(self, address: int, *values: int) -> None:
        ctypes.memmove(address, struct.pack(f"<{len(values)}Q", *values), 8 * len(values))

    def object_at(self, word: int) -> int:
        """What is found around a word that nothing is remembered of."""
        syscalls.delete(self.module.map_fd("sought"), struct.pack("<Q", word))
        return self.again_at(word)

    def again_at(self, word: int) -> int:
        """What is found by a futex call on a word, which does not wait: its value is another."""
        libc.syscall(SYS_FUTEX, ctypes.c_void_p(word), FUTEX_WAIT_PRIVATE, 0x77777777, None, None, 0)
        found = syscalls.lookup(self.module.map_fd("sought"), struct.pack("<Q", word), raw.WORD_STATE.size)
        assert found is not None
        return raw.WordState._make(raw.WORD_STATE.packing.unpack(found)).object


@pytest.fixture(scope="module")
def loaded() -> Iterator[Kernel]:
    found = Kernel()
    assert found.object_at(found.middle + 24) == NOT_SOUGHT
    labelled = ObjectClass(3, made_up(3, LABELLED_CLASS, 64).type, HOLDER, TEXT)
    plain = made_up(1, PLAIN_CLASS, 100, own_word=found.middle + 512)
    found.maps.fill(os.getpid(), [plain, made_up(2, LARGE_CLASS, 4096), labelled])
    found.maps.fill(os.getpid() + 1, [made_up(4, FOREIGN_CLASS, 100)])
    yield found
    found.module.bcc.cleanup()


@pytest.fixture
def kernel(loaded: Kernel) -> Kernel:
    loaded.clear()
    return loaded


@pytest.mark.parametrize(("offset", "inside"), [(0, True), (24, True), (28, True), (96, True), (104, False)])
def test_a_word_within_an_objects_size(kernel: Kernel, offset: int, inside: bool) -> None:
    kernel.write(kernel.middle, PLAIN_CLASS)
    assert kernel.object_at(kernel.middle + offset) == (kernel.middle | 1 << SHIFT if inside else 0)


@pytest.mark.parametrize(("offset", "inside"), [(REACH - 8, True), (REACH, False)])
def test_objects_are_sought_as_far_as_the_reach(kernel: Kernel, offset: int, inside: bool) -> None:
    kernel.write(kernel.middle, LARGE_CLASS)
    assert kernel.object_at(kernel.middle + offset) == (kernel.middle | 2 << SHIFT if inside else 0)


@pytest.mark.parametrize("offset", [0, 8, 64, 600])
def test_an_object_at_the_start_of_what_is_mapped(kernel: Kernel, offset: int) -> None:
    kernel.write(kernel.start, LARGE_CLASS)
    assert kernel.object_at(kernel.start + offset) == kernel.start | 2 << SHIFT


def test_no_object(kernel: Kernel) -> None:
    assert kernel.object_at(kernel.middle + 24) == 0
    kernel.write(kernel.middle, PLAIN_CLASS + 8, LARGE_CLASS - 8)
    assert kernel.object_at(kernel.middle + 24) == 0


def test_the_nearest_object_that_reaches_so_far(kernel: Kernel) -> None:
    kernel.write(kernel.middle, LARGE_CLASS)
    kernel.write(kernel.middle + 200, PLAIN_CLASS)
    assert kernel.object_at(kernel.middle + 232) == kernel.middle + 200 | 1 << SHIFT
    assert kernel.object_at(kernel.middle + 304) == kernel.middle | 2 << SHIFT


def test_an_object_is_found_again_while_it_lives(kernel: Kernel) -> None:
    word, large = kernel.middle + 232, kernel.middle | 2 << SHIFT
    kernel.write(kernel.middle, LARGE_CLASS)
    assert kernel.object_at(word) == kernel.again_at(word) == large
    kernel.write(kernel.middle, 0)
    kernel.write(kernel.middle + 200, PLAIN_CLASS)
    assert kernel.again_at(word) == kernel.middle + 200 | 1 << SHIFT


def test_another_object_at_the_same_address(kernel: Kernel) -> None:
    kernel.write(kernel.middle, LARGE_CLASS)
    assert kernel.object_at(kernel.middle + 24) == kernel.middle | 2 << SHIFT
    kernel.write(kernel.middle, PLAIN_CLASS)
    assert kernel.again_at(kernel.middle + 24) == kernel.middle | 1 << SHIFT
    kernel.write(kernel.middle, 0)
    assert kernel.again_at(kernel.middle + 24) == 0


def test_a_lock_that_was_in_no_object_is_sought_again(kernel: Kernel) -> None:
    assert kernel.object_at(kernel.middle + 24) == 0
    kernel.write(kernel.middle, PLAIN_CLASS)
    end = time.monotonic() + PATIENCE
    while not (found := kernel.again_at(kernel.middle + 24)) and time.monotonic() < end:
        time.sleep(0.01)
    assert found == kernel.middle | 1 << SHIFT


def test_a_class_of_another_process_is_none(kernel: Kernel) -> None:
    kernel.write(kernel.middle, FOREIGN_CLASS)
    assert kernel.object_at(kernel.middle + 24) == 0


def test_the_type_systems_own_word_is_no_object(kernel: Kernel) -> None:
    kernel.write(kernel.middle + 512, PLAIN_CLASS)
    assert kernel.object_at(kernel.middle + 536) == 0


def labelled(kernel: Kernel, text: bytes) -> int:
    """The reference to an object that calls itself so."""
    holder, string = kernel.middle + 1024, kernel.middle + 2048
    kernel.write(kernel.middle, LABELLED_CLASS)
    kernel.write(kernel.middle + HOLDER, holder)
    kernel.write(holder + TEXT, string)
    ctypes.memset(string, 0, 512)
    ctypes.memmove(string, text, len(text))
    return kernel.object_at(kernel.middle + 24)


def test_a_label(kernel: Kernel) -> None:
    reference = labelled(kernel, b"vm-7")
    assert reference & (1 << LABEL_SHIFT) - 1 == kernel.middle | 3 << SHIFT
    assert kernel.maps.label(os.getpid(), reference) == "vm-7"
    assert kernel.maps.label(os.getpid() + 1, reference) is None


def test_a_label_that_is_long_is_cut(kernel: Kernel) -> None:
    assert kernel.maps.label(os.getpid(), labelled(kernel, b"x" * 300)) == "x" * (
        abi.number("LABEL_LENGTH") - 1
    )


def test_an_object_without_its_label(kernel: Kernel) -> None:
    kernel.write(kernel.middle, LABELLED_CLASS)
    assert kernel.object_at(kernel.middle + 24) == kernel.middle | 3 << SHIFT
    kernel.write(kernel.middle + HOLDER, 0x1234)
    assert kernel.object_at(kernel.middle + 24) == kernel.middle | 3 << SHIFT


def test_labels_that_cannot_be_told_apart_are_none(kernel: Kernel) -> None:
    first = labelled(kernel, b"first")
    second = next(text for number in count() if labelled(kernel, text := b"vm-%d" % number) == first)
    assert second != b"first"
    assert kernel.maps.label(os.getpid(), first) is None
