"""The instruction that the probe sits on."""

import os

import pytest

from tracer.probe.instructions import Instruction, cheapest, is_emulated
from tracer.probe.site import find_sites

RET = b"\xc3"
PUSH_RBX = b"\x53"
ENDBR64 = b"\xf3\x0f\x1e\xfa"
MOV_EAX_FROM_RDI = b"\x8b\x47\x10"  # mov 0x10(%rdi),%eax
MOV_TO_RDI = b"\x48\x89\xf7"  # mov %rsi,%rdi
XOR_EDI = b"\x31\xff"
JNE_NEXT = b"\x75\x00"
CALL = b"\xe8\x00\x00\x00\x00"


@pytest.mark.parametrize(
    ("code", "offset"),
    [
        (PUSH_RBX + RET, 0),
        (ENDBR64 + PUSH_RBX + RET, 4),
        (MOV_EAX_FROM_RDI + JNE_NEXT + RET, 3),
        (MOV_EAX_FROM_RDI + b"\x0f\x85\x00\x00\x00\x00" + RET, 3),
        (b"\x41\x54" + RET, 0),
        (ENDBR64 + b"\x90" + RET, 4),
    ],
)
def test_the_first_emulated_instruction_of_the_entry_block(code: bytes, offset: int) -> None:
    assert cheapest(code, ["rdi"]) == Instruction(offset, True)


@pytest.mark.parametrize(
    "code",
    [
        MOV_TO_RDI + PUSH_RBX + RET,  # the mutex is gone
        XOR_EDI + PUSH_RBX + RET,  # the same, by its lower half
        CALL + PUSH_RBX + RET,  # what is called may change rdi
        MOV_EAX_FROM_RDI + RET,
        MOV_EAX_FROM_RDI + PUSH_RBX + b"\x75\xfd" + RET,  # a loop comes back to the push
        MOV_EAX_FROM_RDI + PUSH_RBX + b"\x06",  # not an instruction: nothing is certain
        b"",
    ],
)
def test_the_start_where_nothing_else_is_certain(code: bytes) -> None:
    assert cheapest(code, ["rdi"]) == Instruction(0, False)


MOV_TO_RDX = b"\x48\x89\xf2"  # mov %rsi,%rdx
MOV_TO_CL = b"\xb1\x01"


@pytest.mark.parametrize(
    ("code", "arguments", "chosen"),
    [
        (MOV_TO_RDI + PUSH_RBX + RET, ["rsi"], Instruction(3, True)),
        (MOV_TO_RDX + PUSH_RBX + RET, ["rsi"], Instruction(3, True)),
        (MOV_TO_RDX + PUSH_RBX + RET, ["rdx", "rcx"], Instruction(0, False)),
        (MOV_TO_CL + PUSH_RBX + RET, ["rdx", "rcx"], Instruction(0, False)),
        (MOV_TO_CL + PUSH_RBX + RET, ["rdi", "rsi"], Instruction(2, True)),
    ],
)
def test_other_arguments_than_the_first(code: bytes, arguments: list[str], chosen: Instruction) -> None:
    assert cheapest(code, arguments) == chosen


def test_single_stepped_instructions() -> None:
    assert not any(is_emulated(code) for code in (ENDBR64, MOV_EAX_FROM_RDI, MOV_TO_RDI, XOR_EDI, CALL))


def test_this_process_has_one_site_in_its_libc() -> None:
    sites = find_sites(os.getpid())
    try:
        assert len(sites) == 1
        (site,) = sites
        assert os.fstat(site.fd).st_ino == site.inode
        assert site.start <= site.offset < site.start + 64
        code = os.pread(site.fd, 16, site.offset)
        assert is_emulated(code[:1]) or is_emulated(code[:2]) or is_emulated(code[:6]) or not site.emulated
    finally:
        for site in sites:
            os.close(site.fd)
