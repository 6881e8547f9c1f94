"""Reading machine code: where a function branches to, and which members of its argument it loads."""

from collections.abc import Iterator

import capstone
from capstone import x86

_ARGUMENT_PROBE = 64
"""Instructions from a function's entry in which its argument is looked for."""


def branch_targets(code: bytes, address: int) -> Iterator[int]:
    """Addresses that direct calls and jumps in `code`, which lies at `address`, lead to."""
    decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    decoder.skipdata = True
    for _, _, mnemonic, operand in decoder.disasm_lite(code, address):
        if operand.startswith("0x") and (mnemonic == "call" or mnemonic.startswith("j")):
            yield int(operand, 16)


def first_loaded_member(code: bytes, address: int) -> int | None:
    """The offset of the first 32-bit member, other than its first, of what a function's first argument points
    to, that its code reads; None where it reads none near its entry."""
    decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    decoder.detail = True
    pointers = {x86.X86_REG_RDI}
    for instruction in decoder.disasm(code, address, _ARGUMENT_PROBE):
        for operand in instruction.operands:
            loaded = operand.type == x86.X86_OP_MEM and operand.mem.base in pointers and operand.size == 4
            if (
                loaded
                and operand.mem.disp > 0
                and not operand.mem.index
                and instruction.id != x86.X86_INS_LEA
            ):
                return int(operand.mem.disp)
        _follow(instruction, pointers)
    return None


def _follow(instruction: capstone.CsInsn, pointers: set[int]) -> None:
    """Keeps `pointers` the registers that hold the argument after the instruction."""
    operands = instruction.operands
    if instruction.id == x86.X86_INS_CALL:
        pointers.difference_update({x86.X86_REG_RDI, x86.X86_REG_RSI, x86.X86_REG_RAX, x86.X86_REG_RCX})
    if not operands or operands[0].type != x86.X86_OP_REG or not operands[0].access & capstone.CS_AC_WRITE:
        return
    copied = (
        instruction.id == x86.X86_INS_MOV
        and operands[1].type == x86.X86_OP_REG
        and operands[1].reg in pointers
    )
    if copied:
        pointers.add(operands[0].reg)
    else:
        pointers.discard(operands[0].reg)
