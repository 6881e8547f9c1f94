"""The cheapest instruction of a function's entry block that a uprobe may sit on and still see the arguments.

What a hit costs is decided by the instruction: one that the kernel emulates costs a trap, one that it has to
single-step costs two and a detour out of line, thirty times as much on a virtual machine.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

import capstone
from capstone import x86

# Of what Linux's arch/x86/kernel/uprobes.c emulates that which keeps arguments: jcc, jmp, nop, push.
CONDITIONAL = frozenset(range(0x70, 0x80))
JUMPS = frozenset({0xEB, 0xE9})
NOP = 0x90
PUSHES = frozenset(range(0x50, 0x58))
LARGEST_FUNCTION = 4096  # bytes: of a larger one no code is read
# With the registers that are part of them.
ARGUMENTS = {
    "rdi": frozenset({x86.X86_REG_RDI, x86.X86_REG_EDI, x86.X86_REG_DI, x86.X86_REG_DIL}),
    "rsi": frozenset({x86.X86_REG_RSI, x86.X86_REG_ESI, x86.X86_REG_SI, x86.X86_REG_SIL}),
    "rdx": frozenset({x86.X86_REG_RDX, x86.X86_REG_EDX, x86.X86_REG_DX, x86.X86_REG_DL, x86.X86_REG_DH}),
    "rcx": frozenset({x86.X86_REG_RCX, x86.X86_REG_ECX, x86.X86_REG_CX, x86.X86_REG_CL, x86.X86_REG_CH}),
}


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


def cheapest(code: bytes, arguments: Collection[str]) -> Instruction:
    """The first emulated instruction that each call passes exactly once with these arguments still in place.

    `code` is the whole function, or nothing; `arguments` are keys of ARGUMENTS. Where none is certain it is
    the function's start, which always qualifies.
    """
    kept = frozenset().union(*(ARGUMENTS[name] for name in arguments))
    instructions = list(_decoder().disasm(code, 0))
    if sum(instruction.size for instruction in instructions) < len(code):
        return Instruction(0, False)
    targets = {_target(instruction) for instruction in instructions}
    for instruction in instructions:
        if instruction.address and instruction.address in targets:
            break
        if is_emulated(bytes(instruction.bytes)):
            return Instruction(instruction.address, True)
        if _leaves(instruction) or _writes(instruction, kept):
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


def _writes(instruction: capstone.CsInsn, registers: frozenset[int]) -> bool:
    _, written = instruction.regs_access()
    return not registers.isdisjoint(written)
