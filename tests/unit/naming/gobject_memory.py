"""The memory of a program that uses GObject, as glib lays it out; offsets can be moved."""

import struct

from fake_memory import FakeMemory

TABLE, QUARKS, STRINGS = 0x10000, 0x11000, 0x12000
FUNDAMENTAL_CODE, QUARK_CODE = 0x20000, 0x21000
GOBJECT, BASE, DERIVED = 0x30000, 0x31000, 0x32000
GOBJECT_CLASS, BASE_CLASS, DERIVED_CLASS = 0x40000, 0x41000, 0x42000
OBJECT_ID = 80
SUPERS, CLASS_OFFSET = 72, 56
FUNCTIONS = {"g_type_fundamental": FUNDAMENTAL_CODE, "g_quark_to_string": QUARK_CODE}
NAMES = ("", "GObject", "virObjectLockable", "virDomainObj")


def gobject_memory(supers: int = SUPERS, class_offset: int = CLASS_OFFSET) -> FakeMemory:
    """GObject, virObjectLockable and, derived from that, virDomainObj of 224 bytes."""
    memory = FakeMemory()
    memory.write(FUNDAMENTAL_CODE, _referring(FUNDAMENTAL_CODE, 0x8D, TABLE))
    memory.write(QUARK_CODE, _referring(QUARK_CODE, 0x8B, QUARKS))
    memory.write_u64(TABLE, *[0] * 20, GOBJECT, *[0] * 235)
    memory.write_u64(QUARKS, STRINGS)
    for quark, name in enumerate(NAMES):
        memory.write_u64(STRINGS + 8 * quark, STRINGS + 0x100 * (quark + 1))
        memory.write_text(STRINGS + 0x100 * (quark + 1), name)
    layout = (supers, class_offset)
    _node(memory, layout, GOBJECT, 1, [OBJECT_ID], [BASE], GOBJECT_CLASS, 24)
    _node(memory, layout, BASE, 2, [BASE, OBJECT_ID], [DERIVED], BASE_CLASS, 64)
    _node(memory, layout, DERIVED, 3, [DERIVED, BASE, OBJECT_ID], [], DERIVED_CLASS, 224)
    return memory


def _referring(address: int, opcode: int, to: int) -> bytes:
    """A function whose second instruction refers to `to`."""
    return b"\x55" + struct.pack("<BBBi", 0x48, opcode, 0x05, to - (address + 8)) + bytes(248)


def _node(
    memory: FakeMemory,
    layout: tuple[int, int],
    address: int,
    quark: int,
    supers: list[int],
    children: list[int],
    class_address: int,
    size: int,
) -> None:
    supers_offset, class_offset = layout
    data, child_list = address + 0x200, address + 0x300
    memory.write(address, bytes(0x180))
    memory.write(address + 16, struct.pack("<IB", len(children), len(supers) - 1))
    memory.write_u64(address + 24, child_list, data, quark)
    memory.write_u64(address + supers_offset, *supers)
    memory.write(data, bytes(0x80))
    memory.write(data + class_offset, struct.pack("<QH", class_address, size))
    memory.write_u64(child_list, *children, 0)
    memory.write_u64(class_address, supers[0])
