"""Titled lists of stacks with their numbers: beside each other where the terminal is wide enough."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from tracer.output.page import Page, Part
from tracer.output.wrapping import wrapped

# A terminal of so many columns has room for two lists.
BESIDE = 160
GAP = 2
# A stack beside another list has little width, and so as many lines.
STACK_LINES = 3

Line = tuple[Part, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """`numbers` are what counts, `times` how often."""

    numbers: str
    times: str
    words: str


@dataclass(frozen=True, slots=True)
class TitledList:
    """`rest` says what is left out; empty: nothing."""

    title: str
    entries: tuple[Entry, ...]
    rest: str = ""


def write_lists(page: Page, lists: Sequence[TitledList]) -> None:
    """The first two beside each other, or each below the one before."""
    if len(lists) == 2 and page.width is not None and page.width >= BESIDE:
        column = (page.width - GAP) // 2
        left, right = (_narrow(each, column) for each in lists)
        for pair in zip_longest(left, right, fillvalue=(("", ""), "")):
            page.beside(pair[0], pair[1], column, GAP)
        return
    for each in lists:
        for line in _wide(each):
            page.line(*line)


def _wide(shown: TitledList) -> list[Line]:
    """A line an entry."""
    rows = [_line("    ", entry, entry.words) for entry in shown.entries]
    return _framed(shown, rows, "    ")


def _narrow(shown: TitledList, width: int) -> list[Line]:
    """Some lines an entry, its words wrapped within the width."""
    rows: list[Line] = []
    for entry in shown.entries:
        (numbers, style), times = _line("  ", entry, "")
        indent = len(numbers) + len(times)
        first, *more = wrapped(entry.words, width - indent, STACK_LINES)
        rows += [((numbers, style), times + first), *((("", ""), " " * indent + line) for line in more)]
    return _framed(shown, rows, "  ")


def _line(indent: str, entry: Entry, words: str) -> Line:
    return ((f"{indent}{entry.numbers}  ", "bold"), f"{entry.times:>12}  {words}")


def _framed(shown: TitledList, rows: list[Line], indent: str) -> list[Line]:
    rest: list[Line] = [((f"{indent}{shown.rest}", "dim"), "")] if shown.rest else []
    return [(("  " + shown.title, ""), ""), *rows, *rest]
