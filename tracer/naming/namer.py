"""The best name that a lock can have, and the identity that it keeps from run to run."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tracer.errors import LockwatchError
from tracer.model.kinds import Kind
from tracer.model.locks import Lock
from tracer.model.stacks import Stack
from tracer.naming import places, sites
from tracer.naming.domains import DOMAIN_CLASS
from tracer.naming.gil import RUNTIME, gil_part
from tracer.naming.members import MemberFinder
from tracer.naming.objects import Instance, ObjectClass
from tracer.naming.pools import pool_job
from tracer.naming.target import Target
from tracer.process import Process, thread_ids, thread_name
from tracer.symbols.names import clean, readable
from tracer.symbols.symbolizer import Symbolizer

Labels = Callable[[int, int], str | None]
"""(pid, reference to an object) -> what the object calls itself."""

LIBVIRT = "libvirt"
MOST_NAMES_KEPT = 100_000
MOST_LABELS = 2


@dataclass(frozen=True, slots=True)
class Name:
    """`weak`: made from the stack that was given; another one may tell more, so it is not kept."""

    name: str
    identity: str
    class_name: str | None = None
    weak: bool = False


class Namer:
    """Names locks of watched processes. Never raises for what a target's memory holds, or no longer holds."""

    def __init__(
        self,
        symbolizer: Symbolizer,
        processes: Iterable[Process],
        object_names: bool,
        labels: Labels | None = None,
    ) -> None:
        self._symbolizer = symbolizer
        self._processes = {process.pid: process for process in processes}
        self._object_names = object_names
        self._labels = labels
        self._members = MemberFinder()
        self._targets: dict[int, Target] = {}
        self._names: dict[tuple[int, int, Kind, int], Name] = {}

    def watch(self, pid: int) -> tuple[ObjectClass, ...]:
        """Begins with a process that the symbolizer watches. Returns its classes, for the kernel side."""
        if pid not in self._targets and pid in self._processes:
            try:
                self._targets[pid] = Target(
                    self._processes[pid], self._symbolizer, self._members, self._object_names
                )
            except LockwatchError:
                return ()
        return self.refresh(pid)

    def refresh(self, pid: int) -> tuple[ObjectClass, ...]:
        """Reads mappings and classes anew. Returns the classes that are new, for the kernel side."""
        target = self._targets.get(pid)
        return target.refresh() if target is not None else ()

    def saw_blocked(self, pid: int, word: int, base: int, kind: Kind) -> int:
        """Looks at a lock that a thread waits for just now: what it lies in, or belongs to, is alive.

        Returns the reference to the object around it; 0 where none is known.
        """
        target = self._targets.get(pid)
        if target is None:
            return 0
        if kind is Kind.JOB:
            target.jobs.waited_for_now(base)
        return target.objects.reference_at(word)

    def seen_waited(self, pid: int, base: int, kind: Kind, still: Callable[[], bool]) -> None:
        """Looks at a lock that a thread waits for; `still` tells afterwards whether it still does."""
        target = self._targets.get(pid)
        if target is not None and kind is Kind.JOB:
            target.jobs.waited_for_now(base, still)
        elif target is not None:
            target.heap.seen_waited(base, still)

    def lock(
        self,
        pid: int,
        base: int,
        kind: Kind,
        object_class: int,
        stack: Stack,
        others: Sequence[int] = (),
    ) -> Lock:
        """The lock at `base`. `object_class` is the kernel side's reference to its object, 0 where it knew
        none, and `others` are those to objects of that class which have lain there at other times; `stack` is
        where it is waited for most, or was first."""
        key = (pid, base, kind.of_lock, object_class)
        found = self._names.get(key)
        if found is None:
            found = self._name(pid, base, kind.of_lock, (object_class, *others), stack)
            if len(self._names) >= MOST_NAMES_KEPT:
                self._names.clear()
            if not found.weak:
                self._names[key] = found
        return Lock(pid, base, kind.of_lock, clean(found.name), clean(found.identity), found.class_name)

    def _name(self, pid: int, base: int, kind: Kind, references: Sequence[int], stack: Stack) -> Name:
        target = self._targets.get(pid)
        if target is None:
            return self._by_site(base, kind, stack)
        if kind is Kind.ARENA:
            return self._arena(target, base)
        if kind is Kind.JOB:
            return _job(target.jobs.domains(base))
        return (
            self._in_file(target, base)
            or self._of_thread(target, base, kind, stack)
            or self._of_object(target, base, kind, references)
            or _of_heap(target, base, kind)
            or self._of_pool(target, base, kind, stack)
            or self._by_site(base, kind, stack)
        )

    def _in_file(self, target: Target, base: int) -> Name | None:
        """A variable, or a place in a file or in shared memory."""
        symbol = self._symbolizer.data_symbol(target.pid, base)
        if symbol is not None:
            return self._variable(target, base, *symbol)
        found = self._symbolizer.module_of(target.pid, base)
        if found is not None:
            path, bias = found
            place = f"{path.rpartition('/')[2]}+{base - bias:#x}"
            return Name(place, place)
        mapping = target.mappings.find(base)
        if mapping is None or not places.is_file(mapping):
            return None
        place = places.in_file(mapping, base)
        return Name(place, place)

    def _variable(self, target: Target, base: int, variable: str, offset: int, module: str) -> Name:
        place = f"{variable}+{offset:#x}" if offset else variable
        part = gil_part(target.memory, base - offset, base) if variable == RUNTIME else None
        if part is not None:
            return Name(part, part)
        path = self._member(target.pid, base, offset)
        if path is not None:
            return Name(variable + path, f"{module}:{place}")
        in_loader = variable == "_rtld_global"
        return Name(f"dynamic loader's lock ({place})" if in_loader else place, f"{module}:{place}")

    def _member(self, pid: int, base: int, offset: int) -> str | None:
        place = self._symbolizer.data_place(pid, base)
        if place is None or place.module is None:
            return None
        return self._members.path(place.module, base - place.bias - offset, offset)

    def _of_thread(self, target: Target, base: int, kind: Kind, stack: Stack) -> Name | None:
        mapping = target.mappings.find(base)
        thread = target.stacks.thread(mapping, base) if mapping is not None else None
        if kind is Kind.JOIN:
            return _join(target, base, thread, sites.joined(stack))
        if thread is not None and places.inside_record(thread, base):
            return Name(f"thread {thread}'s own lock", f"thread's own lock+{base - thread.record:#x}")
        variable = self._thread_local(target, base)
        if thread is None or variable is not None:
            return variable
        return Name(f"lock on the stack of {thread}", sites.in_words("lock on a stack", stack), weak=True)

    def _thread_local(self, target: Target, base: int) -> Name | None:
        """A thread's own copy of a variable."""
        found = target.stacks.variable(base)
        if found is None:
            return None
        thread, variable = found
        module, offset = clean(variable.module.name), variable.offset
        symbol = variable.module.thread_locals.find(offset)
        if symbol is None:
            return Name(f"thread-local lock of {thread}", f"{module}:thread-local+{offset:#x}")
        inside = offset - symbol.address
        place = readable(symbol.name) + (f"+{inside:#x}" if inside else "")
        return Name(f"{place} of {thread}", f"{module}:{place}")

    def _of_object(self, target: Target, base: int, kind: Kind, references: Sequence[int]) -> Name | None:
        instance = target.objects.instance(references[0])
        if instance is None or not 0 <= base - instance.address < instance.type.instance_size:
            return None
        member = _member(instance, base, kind)
        class_name = instance.type.name
        labels = list(dict.fromkeys(filter(None, (self._label(target.pid, each) for each in references))))
        return Name(labelled(class_name, labels) + member, class_name + member, class_name, weak=bool(labels))

    def _label(self, pid: int, reference: int) -> str | None:
        return self._labels(pid, reference) if self._labels and self._object_names else None

    def _of_pool(self, target: Target, base: int, kind: Kind, stack: Stack) -> Name | None:
        caller = sites.first_caller(stack)
        if caller is None or not caller.module.startswith(LIBVIRT):
            return None
        job = pool_job(target.memory, target.mappings.is_code, lambda: thread_names(target.pid), base)
        if job is None:
            return None
        name = f'virThreadPool "{job}"' + _suffix(kind)
        return Name(name, name, "virThreadPool")

    def _arena(self, target: Target, base: int) -> Name:
        if self._symbolizer.module_of(target.pid, base) is not None:
            return Name("malloc main arena", "malloc main arena")
        target.arenas += 1
        return Name(f"malloc arena {target.arenas}", "malloc arena")

    def _by_site(self, base: int, kind: Kind, stack: Stack) -> Name:
        implemented = sites.known_lock(stack)
        if implemented is not None:
            return Name(implemented, implemented, weak=True)
        structure = sites.known_structure(stack)
        if structure is not None:
            name = structure + _suffix(kind)
            return Name(name, name, structure, weak=True)
        words = sites.in_words(sites.NOUNS[kind], stack)
        return Name(words, words, weak=True)


def _member(instance: Instance, base: int, kind: Kind) -> str:
    return instance.member(base) + _suffix(kind)


def _join(target: Target, base: int, thread: places.Thread | None, identity: str) -> Name:
    """The end of a thread. Those that end later may lie at the same place, so that the first that was seen
    there while it lived is an example."""
    seen = target.joined.setdefault(base, thread) if thread is not None else target.joined.get(base)
    if seen is None:
        return Name(identity, identity, weak=True)
    words = f"thread {thread}'s join" if thread == seen else f"{identity}, such as {seen}"
    return Name(words, identity, weak=True)


def _of_heap(target: Target, base: int, kind: Kind) -> Name | None:
    """A member of a C++ object."""
    member = target.heap.member(base)
    if member is None:
        return None
    name = member.class_name + member.path + _suffix(kind)
    return Name(name, name, member.class_name, weak=True)


def _job(domains: Sequence[str]) -> Name:
    """The job of a domain, or of several in turn."""
    identity = f"{DOMAIN_CLASS} job"
    return Name(f"{labelled(DOMAIN_CLASS, domains)} job", identity, DOMAIN_CLASS, weak=True)


def labelled(class_name: str, labels: Sequence[str]) -> str:
    """`virDomainObj "vm-7", "vm-8" and 3 more`: the objects that were at one place, one after the other."""
    shown = ", ".join(f'"{label}"' for label in labels[:MOST_LABELS])
    more = f" and {len(labels) - MOST_LABELS} more" if len(labels) > MOST_LABELS else ""
    return f"{class_name} {shown}{more}" if labels else class_name


def _suffix(kind: Kind) -> str:
    """Tells what is no plain lock from the lock beside it."""
    return "" if kind in (Kind.MUTEX, Kind.RWLOCK, Kind.PI_MUTEX, Kind.OTHER) else f" {kind}"


def thread_names(pid: int) -> set[str]:
    """Of all its threads."""
    return {name for tid in thread_ids(pid) if (name := thread_name(pid, tid)) is not None}
