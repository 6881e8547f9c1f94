"""Look-up of symbols by address, and which of several is taken."""

import struct

import pytest

from tracer.symbols.exports import HIDDEN_VERSION, Exports
from tracer.symbols.table import CODE, DATA, SYMBOL, Sections, SymbolSource, SymbolTable

LOCAL, GLOBAL, WEAK = 0, 1, 2
NOTYPE, OBJECT, FUNC = 0, 1, 2
Entry = tuple[str, int, int, int, int]


def source(*entries: Entry, whole: bool = True, section: int = 1) -> SymbolSource:
    """Entries are (name, address, size, type, binding)."""
    strings = b"\0"
    packed = b""
    for name, address, size, kind, binding in entries:
        packed += SYMBOL.pack(len(strings), binding << 4 | kind, 0, section, address, size)
        strings += name.encode() + b"\0"
    return SymbolSource(packed, strings, whole)


def name_at(table: SymbolTable, address: int) -> bytes | None:
    symbol = table.find(address)
    return symbol.name if symbol is not None else None


def code(*entries: Entry, whole: bool = True) -> SymbolTable:
    return SymbolTable([source(*entries, whole=whole)], CODE, Sections([(0x1000, 0x2000), (0x2000, 0x3000)]))


def test_a_sized_symbol_covers_its_size_and_no_more() -> None:
    table = code(("f", 0x1000, 16, FUNC, GLOBAL), ("g", 0x1100, 16, FUNC, GLOBAL))
    assert [name_at(table, a) for a in (0xFFF, 0x1000, 0x100F, 0x1010, 0x1100, 0x1110)] == [
        None,
        b"f",
        b"f",
        None,
        b"g",
        None,
    ]


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (("sized", 0x1000, 8, FUNC, LOCAL), ("unsized", 0x1000, 0, FUNC, GLOBAL)),
        (("function", 0x1000, 8, FUNC, LOCAL), ("label", 0x1000, 8, NOTYPE, GLOBAL)),
        (("exported", 0x1000, 8, FUNC, GLOBAL), ("local", 0x1000, 8, FUNC, LOCAL)),
        (("read", 0x1000, 8, FUNC, WEAK), ("__read", 0x1000, 8, FUNC, GLOBAL)),
        (("_f", 0x1000, 8, FUNC, GLOBAL), ("__f", 0x1000, 8, FUNC, GLOBAL)),
        (("__lll_lock_wait", 0x1000, 8, FUNC, LOCAL), ("__GI___lll_lock_wait", 0x1000, 8, FUNC, LOCAL)),
    ],
)
def test_preference(better: Entry, worse: Entry) -> None:
    for entries in ((better, worse), (worse, better)):
        assert name_at(code(*entries), 0x1000) == better[0].encode()


def test_a_symbol_inside_another_does_not_hide_the_rest_of_it() -> None:
    table = code(("outer", 0x1000, 0x100, FUNC, GLOBAL), ("inner", 0x1010, 0x10, FUNC, LOCAL))
    assert [name_at(table, a) for a in (0x100F, 0x1010, 0x1020)] == [b"outer", b"inner", b"outer"]


def test_an_unsized_symbol_reaches_to_the_next_but_not_out_of_its_section() -> None:
    table = code(("start", 0x1F00, 0, FUNC, GLOBAL), ("next", 0x2100, 8, FUNC, GLOBAL))
    assert [name_at(table, a) for a in (0x1FFF, 0x2000)] == [b"start", None]


def test_an_unsized_symbol_covers_nothing_where_not_all_functions_are_named() -> None:
    assert name_at(code(("start", 0x1000, 0, FUNC, GLOBAL), whole=False), 0x1001) is None


def test_undefined_absolute_and_overflowing_symbols_are_left_out() -> None:
    huge = ("huge", (1 << 64) - 1, 16, FUNC, GLOBAL)
    tables = [source(("u", 0x1000, 8, FUNC, GLOBAL), section=number) for number in (0, 0xFFF1)]
    assert len(SymbolTable([*tables, source(huge)], CODE, Sections([]))) == 0


def test_data_and_code_do_not_mix() -> None:
    both = source(("lock", 0x1000, 40, OBJECT, LOCAL), ("f", 0x1100, 40, FUNC, GLOBAL))
    data, functions = (SymbolTable([both], types, Sections([])) for types in (DATA, CODE))
    assert (name_at(data, 0x1027), name_at(data, 0x1100)) == (b"lock", None)
    assert (name_at(functions, 0x1027), name_at(functions, 0x1100)) == (None, b"f")


def test_a_name_outside_the_strings_is_empty_and_a_cut_table_is_read_as_far_as_it_goes() -> None:
    entries = SYMBOL.pack(999, GLOBAL << 4 | FUNC, 0, 1, 0x1000, 8) + b"\1\2\3"
    assert name_at(SymbolTable([SymbolSource(entries, b"\0", True)], CODE, Sections([])), 0x1000) == b""


def test_exports_prefer_the_default_version_and_find_names_that_share_a_tail() -> None:
    strings = b"\0__wait\0"
    entries = b"".join(
        SYMBOL.pack(name, GLOBAL << 4 | FUNC, 0, 1, address, 8)
        for name, address in ((1, 0x10), (3, 0x20), (3, 0x30))
    )
    exports = Exports(entries, strings, struct.pack("<HHH", 2, 2 | HIDDEN_VERSION, 3))
    found = exports.find("wait")
    assert found is not None and found.address == 0x30 and found.is_default
    assert exports.find("__wait") is not None
    assert exports.find("ait") is None
    assert [export.address for export in exports] == [0x10, 0x20, 0x30]


def test_by_name() -> None:
    table = code(("f", 0x1000, 16, FUNC, GLOBAL), ("g", 0x1100, 8, FUNC, LOCAL))
    found = table.named(b"g")
    assert found is not None and (found.address, found.size) == (0x1100, 8)
    assert table.named(b"h") is None
    assert table.has_string(b"g\0") and not table.has_string(b"h")
