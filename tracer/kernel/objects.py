"""The classes that the kernel side knows objects by, and the labels that it has read from them."""

import struct
from collections.abc import Iterable
from contextlib import suppress

from tracer import abi
from tracer.kernel import syscalls
from tracer.kernel.programs import Module
from tracer.naming.objects import ObjectClass

CLASS_KEY = abi.layout("class_key").packing
OBJECT_CLASS = abi.layout("object_class").packing
CLASS_RANGE = abi.layout("class_range").packing
LABEL_KEY = abi.layout("label_key").packing
LABEL_LENGTH = abi.number("LABEL_LENGTH")
FIRST = struct.pack("<I", 0)


class ObjectMaps:
    """The maps of bpf/objects.bpf.c."""

    def __init__(self, module: Module) -> None:
        self._classes = module.map_fd("object_classes")
        self._range = module.map_fd("class_range")
        self._labels = module.map_fd("object_labels")
        self._lowest = (1 << 64) - 1
        self._highest = 0

    def fill(self, pid: int, classes: Iterable[ObjectClass]) -> None:
        """From now on locks in objects of these classes are recognized. Classes that find no room are left
        out: their locks are named in another way."""
        for known in classes:
            address = known.type.class_address
            value = OBJECT_CLASS.pack(
                known.type.own_word,
                known.type.instance_size,
                known.number,
                known.label_holder,
                known.label_text,
            )
            with suppress(OSError):
                syscalls.update(self._classes, CLASS_KEY.pack(address, pid, 0), value)
            self._lowest, self._highest = min(self._lowest, address), max(self._highest, address)
        if self._highest:
            syscalls.update(self._range, FIRST, CLASS_RANGE.pack(self._lowest, self._highest))

    def label(self, pid: int, reference: int) -> str | None:
        """What the object of that reference called itself when it was waited for; None where it has no label,
        or objects with different labels have had the reference."""
        raw = syscalls.lookup(self._labels, LABEL_KEY.pack(reference, pid, 0), LABEL_LENGTH)
        text = raw.partition(b"\0")[0].decode("utf-8", "replace") if raw else ""
        return text or None
