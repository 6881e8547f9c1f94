"""What a word turns out to be, as its stacks become known."""

from typing import cast

from tracer.kernel.records import StackEvent
from tracer.locks.resolver import KindResolver
from tracer.model.kinds import Kind
from tracer.model.stacks import NO_STACK, Stack, StackEnd
from tracer.naming.namer import Namer
from tracer.resolving import Resolver, Way
from tracer.symbols.symbolizer import Symbolizer

WORD, BASE = 0x1028, 0x1000
SEEN = Stack((), StackEnd.COMPLETE)


class Kinds:
    """A condition variable's word, which only a stack tells from another word."""

    def resolve(self, pid: int, word: int, operation: int, value: int, stack: Stack) -> tuple[Kind, int]:
        return (Kind.COND, word - 0x28) if stack is SEEN else (Kind.OTHER, word)


class Symbols:
    def stack(self, pid: int, pcs: tuple[int, ...], end: StackEnd) -> Stack:
        return SEEN


def resolver() -> Resolver:
    kinds, symbols = cast(KindResolver, Kinds()), cast(Symbolizer, Symbols())
    return Resolver(symbols, kinds, cast(Namer, None), {}, lambda pid, request, stack: None)


def test_a_stack_corrects_what_was_guessed_before_it_came() -> None:
    resolving, way = resolver(), Way(1, WORD, 0x5000, 393, 0)
    assert resolving.site(way, 77) == (Kind.OTHER, WORD)
    assert resolving.bases[1, WORD] == WORD
    resolving.add_stack(StackEvent(77, 1, 0, (0x5000,)))
    assert resolving.site(way, 77) == (Kind.COND, BASE)
    assert resolving.bases[1, WORD] == BASE


def test_a_lost_stack_takes_nothing_back() -> None:
    resolving = resolver()
    resolving.add_stack(StackEvent(77, 1, 0, (0x5000,)))
    assert resolving.site(Way(1, WORD, 0x5000, 393, 0), 77) == (Kind.COND, BASE)
    assert resolving.site(Way(1, WORD, 0x6000, 393, 0), 0) == (Kind.OTHER, WORD)
    assert resolving.bases[1, WORD] == BASE
    assert resolving.stack(0) is NO_STACK
