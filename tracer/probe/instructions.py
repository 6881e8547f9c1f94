"""The cheapest instruction of a function's entry block that a uprobe may sit on.

What a hit costs is decided by the instruction: one that the kernel emulates costs a trap, one that it has to
single-step costs two and a detour out of line, thirty times as much on a virtual machine.
"""

from dataclasses import dataclass
from functools import cache

import capstone
from capstone import x86

# What Linux's arch/x86/kernel/uprobes.c emulates, of that what keeps rdi: jcc, jmp, nop, push of a register.
CONDITIONAL = frozenset(range(0x70, 0x80))
JUMPS = frozenset({0xEB, 0xE9})
NOP = 0x90
PUSHES = frozenset(range(0x50, 0x58))
FIRST_ARGUMENT = frozenset({x86.X86_REG_RDI, x86.X86_REG_EDI, x86.X86_REG_DI, x86.X86_REG_DIL})


@dataclass(frozen=True, slots=True)
class Instruction:
    """`offset` bytes into the function; `emulated`: a hit costs one trap."""

    offset: int
    emulated: bool


@cache
def _decoder() -> capstone.Cs:
    decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    decoder.detail = True
    return decoder


def cheapest(code: bytes) -> Instruction:
    """The first emulated instruction that each call passes exactly once with its first argument still in rdi.

    `code` is the whole function. Where none is certain it is the function's start, which always qualifies.
    """
    instructions = list(_decoder().disasm(code, 0))
    if sum(instruction.size for instruction in instructions) < len(code):
        return Instruction(0, False)
    targets = {_target(instruction) for instruction in instructions}
    for instruction in instructions:
        if instruction.address and instruction.address in targets:
            break
        if is_emulated(bytes(instruction.bytes)):
            return Instruction(instruction.address, True)
        if _leaves(instruction) or _writes_first_argument(instruction):
            break
    return Instruction(0, False)


def is_emulated(code: bytes) -> bool:
    """The kernel does what this instruction does, instead of letting the processor step over it."""
    if code[0] == 0x41 and len(code) == 2:  # REX.B: push r8 to r15
        return code[1] in PUSHES
    if code[0] == 0x0F and len(code) == 6:
        return code[1] - 0x10 in CONDITIONAL
    if len(code) == 1:
        return code[0] == NOP or code[0] in PUSHES
    return code[0] in CONDITIONAL or code[0] in JUMPS


def _target(instruction: capstone.CsInsn) -> int | None:
    """Where a direct jump goes to, relative to the function's start."""
    if not instruction.group(x86.X86_GRP_JUMP) or instruction.operands[0].type != x86.X86_OP_IMM:
        return None
    return int(instruction.operands[0].imm)


def _leaves(instruction: capstone.CsInsn) -> bool:
    groups = (x86.X86_GRP_JUMP, x86.X86_GRP_CALL, x86.X86_GRP_RET, x86.X86_GRP_INT)
    return any(instruction.group(group) for group in groups)


def _writes_first_argument(instruction: capstone.CsInsn) -> bool:
    _, written = instruction.regs_access()
    return not FIRST_ARGUMENT.isdisjoint(written)
