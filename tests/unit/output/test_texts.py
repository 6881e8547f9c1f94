"""Durations, names, percentiles and stacks as text."""

import pytest
from output_models import FIND, HOSTILE, LABEL, LIBC

from tracer.model.kinds import Kind
from tracer.model.locks import Lock
from tracer.model.stacks import NO_STACK, Frame, Stack, StackEnd
from tracer.output.durations import count, counted, duration, share
from tracer.output.names import folded_lock, folded_name, printable, without_surrogates
from tracer.output.percentiles import percentile
from tracer.output.stacks import chain


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (1_000, "1.0 us"),
        (12_345_678, "12.3 ms"),
        (999_949, "999.9 us"),
        (999_950, "1.0 ms"),
        (999_999_999, "1.0 s"),
        (3_200_000_000, "3.2 s"),
        (599_000_000_000, "599.0 s"),
        (754_000_000_000, "12 min 34 s"),
        (7_500_000_000_000, "2 h 5 min"),
    ],
)
def test_duration(nanoseconds: int, text: str) -> None:
    assert duration(nanoseconds) == text


def test_numbers() -> None:
    assert share(1, 3) == "33.3 %"
    assert share(0, 0) == "0.0 %"
    assert count(12345) == "12,345"
    assert counted(1, "wait") == "1 wait"
    assert counted(2, "entry", "entries") == "2 entries"


def test_hostile_names_become_printable() -> None:
    assert printable("\x1b]0;title\x07") == "\\x1b]0;title\\x07"
    assert printable("right\u202eleft") == "right\\u202eleft"
    assert printable("byte \udcff") == "byte \\udcff"
    assert printable("Größe 大") == "Größe 大"


def test_names_in_folded_stacks() -> None:
    assert folded_name(HOSTILE) == 'vm\\x1b[31m:<b>[bold red]\\x0a"'
    assert folded_name("  ") == "[unnamed]"


def test_a_folded_lock_does_not_end_in_a_column_of_its_own() -> None:
    assert folded_lock(Lock(1, 2, Kind.MUTEX, "table lock 12", "")) == "lock table lock_12"
    assert folded_lock(Lock(1, 2, Kind.MUTEX, "table lock12", "")) == "lock table lock12"


def test_lone_surrogates_are_replaced() -> None:
    assert without_surrogates("a\udcff") == "a?"
    assert without_surrogates("ä\x1b") == "ä\x1b"


def test_percentile() -> None:
    one_slot = [0] * 10 + [100]
    assert percentile(one_slot, 0.5, 5000) == 1024 + 512
    assert percentile(one_slot, 0.99, 1100) == 1100
    assert percentile([99, 0, 0, 1], 0.99, 10) == 2
    assert percentile([99, 0, 0, 1], 1.0, 10) == 10
    assert percentile([0] * 64, 0.99, 0) == 0
    assert percentile([], 0.99, 0) == 0


def test_chain_begins_outside_of_libc() -> None:
    assert chain(LABEL) == "genLabel (daemon.c:12) <- launch <- create"
    assert chain(LABEL, 2) == "genLabel (daemon.c:12) <- launch"


def test_chain_says_why_a_stack_is_cut_short() -> None:
    assert chain(FIND) == "findDomain (daemon.c:12) <- main <- [incomplete: no unwind row]"
    assert chain(FIND, 1) == "findDomain (daemon.c:12)"
    assert chain(NO_STACK) == "[no stack: not taken]"


def test_chain_of_libc_alone_is_kept_and_unnamed_frames_have_their_place() -> None:
    unnamed = Frame(None, "/usr/lib/libfoo.so", 0x1234, 0x7FFF1234)
    assert chain(Stack((LIBC,), StackEnd.COMPLETE)) == "__lll_lock_wait"
    assert chain(Stack((LIBC, unnamed), StackEnd.COMPLETE)) == "/usr/lib/libfoo.so+0x1234"
