"""The objects that locks lie in, by what the kernel side read when a wait for them began."""

from dataclasses import dataclass, replace

from tracer import abi
from tracer.naming.reading import FunctionAddress, Reader, words
from tracer.naming.types import ObjectType, TypeTree

CLASS_SHIFT = abi.number("OBJECT_CLASS_SHIFT")
LABEL_SHIFT = abi.number("OBJECT_LABEL_SHIFT")
REACH = abi.number("OBJECT_REACH")
MOST_CLASSES = abi.number("OBJECT_CLASSES")

PARENT_LOCKS = ("virObjectLockable", "virObjectRWLockable")
PARENT_LOCK_OFFSET = 24
"""libvirt's lockable classes begin with a GObject and then their one lock."""


@dataclass(frozen=True, slots=True)
class ObjectClass:
    """A class as the kernel side is told of it. An object's label is the string at
    *(*(object + label_holder) + label_text), where label_holder is not 0."""

    number: int
    type: ObjectType
    label_holder: int = 0
    label_text: int = 0


@dataclass(frozen=True, slots=True)
class Instance:
    """The object that a lock lies in."""

    address: int
    type: ObjectType

    def member(self, address: int) -> str:
        """What to add to the class's name for a lock at `address`: nothing for its best known one."""
        offset = address - self.address
        ancestors = (self.type.name, *self.type.parents)
        if offset == PARENT_LOCK_OFFSET and any(parent in ancestors for parent in PARENT_LOCKS):
            return ""
        return f"+{offset:#x}"


class Objects:
    """The classes of one process. Numbers are given once, so that a reference keeps its meaning."""

    def __init__(self, memory: Reader, function_address: FunctionAddress) -> None:
        self._memory = memory
        self._function_address = function_address
        self._tree: TypeTree | None = None
        self._classes: dict[int, ObjectClass] = {}
        self._numbered: dict[int, ObjectClass] = {}

    def refresh(self) -> tuple[ObjectClass, ...]:
        """Looks for classes that are new; returns those."""
        if self._tree is None:
            self._tree = TypeTree.find(self._memory, self._function_address)
        if self._tree is None:
            return ()
        return tuple(filter(None, (self._add(found) for found in self._tree.types())))

    def _add(self, found: ObjectType) -> ObjectClass | None:
        known = self._classes.get(found.class_address)
        number = len(self._numbered) + 1
        if (known is not None and known.type == found) or number >= MOST_CLASSES:
            return None
        return self._keep(ObjectClass(number, found))

    def _keep(self, added: ObjectClass) -> ObjectClass:
        self._classes[added.type.class_address] = self._numbered[added.number] = added
        return added

    def label(self, name: str, holder: int, text: int) -> tuple[ObjectClass, ...]:
        """Says where objects of the class of that name keep their label. Returns the classes that changed."""
        named = [known for known in self._classes.values() if known.type.name == name]
        return tuple(self._keep(replace(known, label_holder=holder, label_text=text)) for known in named)

    def of_name(self, name: str) -> ObjectClass | None:
        return next((known for known in self._classes.values() if known.type.name == name), None)

    def instance(self, reference: int) -> Instance | None:
        """What the kernel side's reference to an object means; None for 0 and unknown ones."""
        number = (reference & (1 << LABEL_SHIFT) - 1) >> CLASS_SHIFT
        known = self._numbered.get(number)
        return Instance(reference & (1 << CLASS_SHIFT) - 1, known.type) if known is not None else None

    def reference_at(self, word: int) -> int:
        """The reference to the object that `word` lies in just now, without its label; 0 where there is none.

        For a lock that is being waited for, which keeps its object alive.
        """
        last = word & -8
        for start in (last + 8 - REACH, last & -4096):
            data = self._memory.read(start, last + 8 - start) if start >= 0 else None
            if data is not None:
                return self._search(words(data), start, word)
        return 0

    def _search(self, below: tuple[int, ...], start: int, word: int) -> int:
        for index in range(len(below) - 1, -1, -1):
            known = self._classes.get(below[index])
            address = start + 8 * index
            if known and address != known.type.own_word and word - address < known.type.instance_size:
                return address | known.number << CLASS_SHIFT
        return 0
