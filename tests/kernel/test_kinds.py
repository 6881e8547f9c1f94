"""A thread parked in each way to wait: kind and base, with and without debug files of the C library."""

from collections.abc import Iterator

import pytest
from harness import Build
from parking import Parked, Raw, parked, raw_stacks

from tracer.locks.resolver import KindResolver
from tracer.symbols.module import Module
from tracer.symbols.symbolizer import Symbolizer

WAYS = 26
"""Threads that the program parks; a few of them sleep without a futex."""


@pytest.fixture(scope="module")
def program(build: Build) -> Iterator[tuple[Parked, Raw]]:
    with parked(build("parked.c", packages=("glib-2.0",))) as running:
        yield running, raw_stacks(running.pid)


@pytest.mark.parametrize("debug_files", [True, False], ids=["debug files", "no debug files"])
def test_kinds_and_bases(
    program: tuple[Parked, Raw], monkeypatch: pytest.MonkeyPatch, debug_files: bool
) -> None:
    running, raw = program
    if not debug_files:
        monkeypatch.setattr(Module, "debug_file", None)
    symbolizer = Symbolizer()
    symbolizer.watch(running.pid)
    resolver = KindResolver(symbolizer, raw.tables)
    found = {}
    for thread, pcs, end in raw.threads:
        stack = symbolizer.stack(running.pid, pcs, end)
        kind, base = resolver.resolve(running.pid, thread.word, thread.operation, thread.value, stack)
        found[thread.tid] = (str(kind), base)
    expected = {}
    for line in running.said:
        tid, kind_name, address = line.split()
        expected[int(tid)] = (kind_name, int(address, 16))
    assert len(expected) == WAYS
    (signaller,) = [tid for tid, (kind_name, _) in expected.items() if kind_name == "signalled"]
    condition = ("cond", expected.pop(signaller)[1])
    assert found.pop(signaller, condition) == condition
    assert found == {tid: place for tid, place in expected.items() if place[1]}
