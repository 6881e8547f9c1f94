"""What is kept of one process to name its locks."""

from tracer.memory import Memory
from tracer.naming import places
from tracer.naming.domains import DOMAIN_CLASS, LIST_CLASS, DomainNames
from tracer.naming.exports import exported_address
from tracer.naming.heap_names import HeapNames
from tracer.naming.heap_objects import HeapObjects
from tracer.naming.jobs import Jobs
from tracer.naming.members import MemberFinder
from tracer.naming.objects import ObjectClass, Objects
from tracer.process import Process
from tracer.symbols.module import Module
from tracer.symbols.symbolizer import Symbolizer


class Target:
    """A process that the symbolizer watches. `domain_names`: whether the names of libvirt's domains may be
    told. Raises LockwatchError where its memory cannot be read."""

    def __init__(
        self, process: Process, symbolizer: Symbolizer, members: MemberFinder, domain_names: bool
    ) -> None:
        self.pid = process.pid
        self._symbolizer = symbolizer
        self._domain_names = domain_names
        self.memory = Memory(self.pid)
        self.mappings = places.Mappings(self.pid)
        self.stacks = places.Stacks(
            process, self.memory, lambda: self._exported("_rtld_global"), self._modules_by_bias
        )
        self.objects = Objects(self.memory, self._exported)
        self.heap = HeapNames(
            HeapObjects(self.memory, lambda address: symbolizer.data_symbol(self.pid, address)),
            members,
            self._module_at,
        )
        self.domains = DomainNames(self.memory)
        self.jobs = Jobs(self._job_owners)
        self.joined: dict[int, places.Thread] = {}
        self.arenas = 0

    def refresh(self) -> tuple[ObjectClass, ...]:
        """Reads mappings and classes anew. Returns the classes that are new."""
        self.mappings.refresh()
        found = (*self.objects.refresh(), *self._label_domains())
        self.jobs.look()
        return found

    def _label_domains(self) -> tuple[ObjectClass, ...]:
        """Lets the kernel side read the names of libvirt's domains, once it is known where they are."""
        classes = self._domain_classes()
        if classes is None or classes[1].label_holder:
            return ()
        offsets = self.domains.find(*classes, self.mappings.all)
        return self.objects.label(DOMAIN_CLASS, *offsets) if offsets is not None else ()

    def _job_owners(self) -> dict[int, str]:
        classes = self._domain_classes()
        return self.domains.by_pointer(*classes, self.mappings.all) if classes is not None else {}

    def _domain_classes(self) -> tuple[ObjectClass, ObjectClass] | None:
        """Of the list of domains, and of a domain; None where their names are not known, or not wanted."""
        list_class, domain_class = self.objects.of_name(LIST_CLASS), self.objects.of_name(DOMAIN_CLASS)
        if not self._domain_names or list_class is None or domain_class is None:
            return None
        return list_class, domain_class

    def _exported(self, name: str) -> int | None:
        return exported_address(self._symbolizer, self.pid, name)

    def _module_at(self, address: int) -> Module | None:
        """The file whose data lies at an address."""
        place = self._symbolizer.data_place(self.pid, address)
        return place.module if place is not None else None

    def _modules_by_bias(self) -> dict[int, Module]:
        biased = ((module.bias(mapping), module) for mapping, module in self._symbolizer.modules(self.pid))
        return {bias: module for bias, module in biased if bias is not None}
