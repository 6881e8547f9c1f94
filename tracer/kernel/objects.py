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
CLASS_FILTER = abi.layout("class_filter").packing
FILTER_WORDS = abi.number("CLASS_FILTER_WORDS")
LABEL_KEY = abi.layout("label_key").packing
LABEL_LENGTH = abi.number("LABEL_LENGTH")
FIRST = struct.pack("<I", 0)


class ObjectMaps:
    """The maps of bpf/objects.bpf.c."""

    def __init__(self, module: Module) -> None:
        self._classes = module.map_fd("object_classes")
        self._filter = module.map_fd("class_filter")
        self._labels = module.map_fd("object_labels")
        self._known: set[int] = set()

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
            self._known.add(address)
        syscalls.update(self._filter, FIRST, _filter(self._known))

    def label(self, pid: int, reference: int) -> str | None:
        """What the object of that reference called itself when it was waited for; None where it has no label,
        or objects with different labels have had the reference."""
        raw = syscalls.lookup(self._labels, LABEL_KEY.pack(reference, pid, 0), LABEL_LENGTH)
        text = raw.partition(b"\0")[0].decode("utf-8", "replace") if raw else ""
        return text or None


def _filter(addresses: set[int]) -> bytes:
    """The struct class_filter of these classes."""
    bits = [0] * FILTER_WORDS
    for address in addresses:
        bits[(address >> 10) % FILTER_WORDS] |= 1 << (address >> 4 & 63)
    return CLASS_FILTER.pack(len(addresses), *bits)
