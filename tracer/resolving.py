"""Raw records into the model: stack ids into stacks, futex words into locks, tids into threads."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tracer import abi
from tracer.kernel import records as raw
from tracer.locks.resolver import KindResolver
from tracer.model.kinds import Kind, Outcome
from tracer.model.locks import Lock, Owner
from tracer.model.stacks import NO_STACK, Stack, StackEnd
from tracer.model.waits import Wait
from tracer.naming.namer import Namer
from tracer.symbols.symbolizer import Symbolizer
from tracer.threads import Threads

STACK_ENDS = tuple(StackEnd)
NOT_SOUGHT = abi.number("OBJECT_NOT_SOUGHT")
LABEL_MASK = (1 << abi.number("OBJECT_LABEL_SHIFT")) - 1


class Way(NamedTuple):
    """How a word is waited for: the first stack of a way tells the kind of all its waits."""

    pid: int
    word: int
    ip: int
    operation: int
    value: int


class Site(NamedTuple):
    """What a word turned out to be: a way to wait for the lock at `base`."""

    kind: Kind
    base: int


@dataclass(slots=True)
class LockFacts:
    """What a lock's name is made from: each alternative with the ns that were waited under it."""

    kinds: dict[Kind, int] = field(default_factory=lambda: defaultdict(int))
    objects: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    stacks: dict[int, int] = field(default_factory=lambda: defaultdict(int))


class Resolver:
    """Everything that is known about the ids, words and tids of a trace's records."""

    def __init__(
        self,
        symbolizer: Symbolizer,
        kinds: KindResolver,
        namer: Namer,
        threads: dict[int, Threads],
        request_name: Callable[[int, int, Stack], str | None],
    ) -> None:
        self._symbolizer = symbolizer
        self._kinds = kinds
        self._namer = namer
        self.threads = threads
        self.request_name = request_name
        self._raw_stacks: dict[int, raw.StackEvent] = {}
        self._stacks: dict[int, Stack] = {0: NO_STACK}
        self._sites: dict[tuple[Way, int], Site] = {}
        self._first_sites: dict[Way, Site] = {}
        self._locks: dict[tuple[int, int], tuple[int, Lock]] = {}
        self._facts: dict[tuple[int, int], LockFacts] = defaultdict(LockFacts)
        self._objects: dict[tuple[int, int], int] = {}
        self.bases: dict[tuple[int, int], int] = {}
        self._guessed_bases: set[tuple[int, int]] = set()

    def add_stack(self, event: raw.StackEvent) -> None:
        self._raw_stacks[event.id] = event

    def knows_stack(self, stack_id: int) -> bool:
        """Its event has come: later than the maps may tell of it."""
        return stack_id in self._raw_stacks

    def stack(self, stack_id: int) -> Stack:
        """The stack of an id, symbolized at the first call; NO_STACK where it was lost."""
        found = self._stacks.get(stack_id)
        if found is None:
            event = self._raw_stacks.get(stack_id)
            if event is None:
                return NO_STACK
            found = self._symbolizer.stack(event.pid, event.pcs, STACK_ENDS[event.end])
            self._stacks[stack_id] = found
        return found

    def frame_counts(self) -> tuple[int, int]:
        """Frames of the stacks that were symbolized, and how many of them no symbol covers."""
        frames = [frame for stack in self._stacks.values() for frame in stack.frames]
        return len(frames), sum(frame.function is None for frame in frames)

    def site(self, way: Way, stack_id: int) -> Site:
        """What the word is. Without a stack: what the way's first stack said, or else a guess by the call."""
        known = self._sites.get((way, stack_id))
        if known is not None:
            return known
        if stack_id not in self._raw_stacks and way in self._first_sites:
            return self._first_sites[way]
        site = self.classify(way, self.stack(stack_id))
        seen = stack_id in self._raw_stacks
        if seen:
            self._sites[way, stack_id] = site
            self._first_sites.setdefault(way, site)
        self._learn_base((way.pid, way.word), site.base, guessed=not seen)
        return site

    def _learn_base(self, word: tuple[int, int], base: int, guessed: bool) -> None:
        """The first that a stack has told: until then a guess stands for it."""
        if word not in self.bases or (word in self._guessed_bases and not guessed):
            self.bases[word] = base
            if guessed:
                self._guessed_bases.add(word)
            else:
                self._guessed_bases.discard(word)

    def classify(self, way: Way, stack: Stack) -> Site:
        """Kind and base from a stack that has no id, or none at all."""
        return Site(*self._kinds.resolve(way.pid, way.word, way.operation, way.value, stack))

    def learn(self, pid: int, site: Site, object_class: int, stack_id: int, ns: int) -> None:
        """Weighs what a lock is and where it is waited for: the heaviest names it."""
        facts = self._facts[pid, site.base]
        facts.kinds[site.kind.of_lock] += ns + 1
        facts.objects[object_class] += ns + 1
        facts.stacks[stack_id] += ns + 1

    def look_around(self, pid: int, word: int, site: Site) -> None:
        """Finds the object around a lock that a thread waits for just now, for where the kernel knew none."""
        reference = self._namer.saw_blocked(pid, word, site.base, site.kind)
        if reference:
            self._objects[pid, site.base] = reference

    def seen_waited(self, pid: int, site: Site, still: Callable[[], bool]) -> None:
        """Looks at a lock that a thread waits for; `still` tells afterwards whether it still does."""
        self._namer.seen_waited(pid, site.base, site.kind, still)

    def _object(self, pid: int, base: int, object_class: int) -> int:
        return object_class if object_class not in (0, NOT_SOUGHT) else self._objects.get((pid, base), 0)

    def lock(self, pid: int, site: Site, object_class: int, stack: Stack) -> Lock:
        """The lock under the name that can be given now; looked for again when another object lies there."""
        reference = self._object(pid, site.base, object_class)
        known, found = self._locks.get((pid, site.base), (0, None))
        if found is None or reference not in (0, known):
            found = self._namer.lock(pid, site.base, site.kind.of_lock, reference, stack)
            self._locks[pid, site.base] = reference, found
        return found

    def lock_of_word(self, pid: int, word: int) -> Lock:
        """The lock that a word belongs to, where somebody has waited for it; else the word itself."""
        base = self.bases.get((pid, word), word)
        known = self._locks.get((pid, base))
        return known[1] if known is not None else self.lock(pid, Site(Kind.OTHER, base), 0, NO_STACK)

    def final_lock(self, pid: int, base: int) -> Lock:
        """The lock by all that was learnt of it."""
        facts = self._facts.get((pid, base))
        if facts is None:
            return self.lock_of_word(pid, base)
        kind = max(facts.kinds, key=lambda each: facts.kinds[each])
        object_class, *others = common_objects(facts.objects)
        stack = self.stack(max(facts.stacks, key=lambda each: facts.stacks[each]))
        return self._namer.lock(pid, base, kind, self._object(pid, base, object_class), stack, others)

    def owner(self, pid: int, own_id: int, confirmed: bool) -> Owner | None:
        """The thread that a lock named; None where that is no thread of the process."""
        thread = self.threads[pid].owner(own_id) if own_id else None
        return Owner(thread.tid, thread.name, confirmed) if thread else None

    def wait(self, event: raw.WaitEvent, site: Site) -> Wait:
        """A wait as people see it."""
        stack = self.stack(event.stack)
        return Wait(
            thread=self.threads[event.pid].saw(event.tid, event.comm),
            lock=self.lock(event.pid, site, event.object, stack),
            kind=site.kind,
            started_ns=event.started,
            ended_ns=event.ended,
            sleeps=event.sleeps,
            outcome=Outcome(raw.OUTCOMES[event.outcome]),
            stack=stack,
            owner=self.owner(event.pid, event.owner, bool(event.flags & raw.WAIT_OWNER_CONFIRMED)),
            request=self.request_name(event.pid, event.request, stack),
            owner_request=self.request_name(event.pid, event.owner_request, NO_STACK),
        )


def common_objects(objects: Mapping[int, int]) -> list[int]:
    """Of the references to objects that a lock lay in, with the ns waited under each, those that name it
    best: one, or where objects with different labels have lain in the same place one after the other, all of
    them, the heaviest first.

    In a trace's first moments classes are still being looked for: that says nothing.
    """
    heaviest = max(objects, key=lambda each: (each != NOT_SOUGHT, objects[each]))
    unlabelled = heaviest & LABEL_MASK
    alike = [each for each in objects if each & LABEL_MASK == unlabelled and each != unlabelled]
    return sorted(alike, key=lambda each: -objects[each]) if len(alike) > 1 else [heaviest]
