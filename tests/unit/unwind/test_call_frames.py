"""Call frame instructions become rows."""

import pytest
from sections import CIE, frames, row, row_at

from tracer.unwind.rules import (
    ROW_BAD,
    ROW_DRAP,
    ROW_END,
    ROW_NONE,
    ROW_PLT,
    ROW_RBP,
    ROW_RSP,
    ROW_SIGNAL,
    SAVED_AT_RBP,
)

START = 0x4000
ENTRY = row(ROW_RSP, 8)
PUSH_RBP = b"\x41\x0e\x10\x86\x02"  # 1 byte on: CFA = rsp + 16, rbp at CFA - 16
PLT_CFA = b"\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x22"


def rows_of(program: bytes, cie: bytes = CIE) -> list[tuple[int, int]]:
    """(pc since the start, low half) of one function of 64 bytes."""
    found = frames((START, 64, program), cie=cie).rows
    return [((one >> 32) - START, one & 0xFFFFFFFF) for one in found]


def test_a_function_without_instructions_has_its_entrys_rule_and_ends() -> None:
    assert rows_of(b"") == [(0, ENTRY), (64, ROW_NONE)]
    assert rows_of(b"\0\0\0") == [(0, ENTRY), (64, ROW_NONE)]


def test_a_frame_pointer_function() -> None:
    program = PUSH_RBP + b"\x43\x0d\x06" + b"\x02\x30\xc6\x0c\x07\x08"
    assert rows_of(program) == [
        (0, ENTRY),
        (1, row(ROW_RSP, 16, -16)),
        (4, row(ROW_RBP, 16, -16)),
        (52, ENTRY),
        (64, ROW_NONE),
    ]


def test_remembered_rules_come_back() -> None:
    program = PUSH_RBP + b"\x44\x0a\xc6\x0e\x08" + b"\x41\x0b" + b"\x42\x0e\x20"
    assert rows_of(program)[1:5] == [
        (1, row(ROW_RSP, 16, -16)),
        (5, ENTRY),
        (6, row(ROW_RSP, 16, -16)),
        (8, row(ROW_RSP, 32, -16)),
    ]


def test_advances_of_every_size() -> None:
    program = b"\x02\x05\x0e\x10" + b"\x03\x05\x00\x0e\x18" + b"\x04\x05\x00\x00\x00\x0e\x20"
    assert [pc for pc, _ in rows_of(program)] == [0, 5, 10, 15, 64]


def test_rules_that_do_not_change_make_no_row() -> None:
    assert rows_of(b"\x41\x8f\x02\x41\x8e\x03\x41\x2e\x10") == [(0, ENTRY), (64, ROW_NONE)]


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (b"\x0e\x80\x08", row(ROW_RSP, 1024)),
        (b"\x13\x7e", row(ROW_RSP, 16)),
        (b"\x12\x06\x7e", row(ROW_RBP, 16)),
        (b"\x0c\x06\x10\x05\x06\x02", row(ROW_RBP, 16, -16)),
        (b"\x11\x06\x02", row(ROW_RSP, 8, -16)),
        (b"\x86\x02\x08\x06", ENTRY),
        (b"\x86\x02\x06\x06", ENTRY),
        (b"\x0f\x03\x76\x78\x06", row(ROW_DRAP, -8)),
        (b"\x0c\x06\x10\x10\x06\x02\x76\x00", row(ROW_RBP, 16, SAVED_AT_RBP)),
        (b"\x0f\x0b" + PLT_CFA, 11 << 16 | ROW_PLT),
        (b"\x0f\x04\x77\xa0\x01\x06", ROW_SIGNAL),
        (b"\x07\x10", ROW_END),
    ],
    ids=lambda value: value.hex() if isinstance(value, bytes) else hex(value),
)
def test_rules_that_a_row_can_hold(program: bytes, expected: int) -> None:
    assert rows_of(program) == [(0, expected), (64, ROW_NONE)]


@pytest.mark.parametrize(
    "program",
    [
        b"\x0c\x00\x08",  # CFA = rax + 8
        b"\x0e\x0c",  # an offset that is no multiple of 8
        b"\x0e\x80\x80\x80\x01",  # beyond 256 KB
        b"\x05\x06\x80\x02",  # rbp farther from the CFA than 1 KB
        b"\x09\x06\x00",  # rbp in rax
        b"\x09\x10\x00",  # the return address in rax
        b"\x90\x02",  # the return address at CFA - 16
        b"\x0f\x05\x77\x18\x06\x23\x08",  # CFA = *(rsp + 24) + 8
        b"\x16\x07\x02\x77\x00",  # rsp by an expression
        b"\x0f\x03\x76\x78\x06\x0e\x10",  # an offset to an expression
        b"\x0b",  # nothing was remembered
        b"\x01\0\0\0\0",  # DW_CFA_set_loc
        b"\x3f",  # no such instruction
        b"\x0e",  # its operand is missing
        b"\x40",  # an advance by 0
        b"\x02",
    ],
    ids=bytes.hex,
)
def test_what_a_row_cannot_hold_says_so(program: bytes) -> None:
    assert rows_of(program) == [(0, ROW_BAD), (64, ROW_NONE)]


def test_after_what_is_not_understood_nothing_is_believed() -> None:
    program = PUSH_RBP + b"\x41\x3f" + b"\x41\x0e\x08"
    assert rows_of(program) == [(0, ENTRY), (1, row(ROW_RSP, 16, -16)), (2, ROW_BAD), (64, ROW_NONE)]
    assert rows_of(b"\x41\x0b\x41\x0e\x10")[1:] == [(1, ROW_BAD), (64, ROW_NONE)]


def test_rows_beyond_the_functions_end_are_dropped() -> None:
    assert rows_of(b"\x02\x80\x0e\x10") == [(0, ENTRY), (64, ROW_NONE)]


def test_functions_side_by_side_have_no_gap_between_them() -> None:
    found = frames((START, 16, b""), (START + 16, 16, b"\x0e\x10"), (START + 48, 16, b""))
    assert [one >> 32 for one in found.rows] == [START + at for at in (0, 16, 32, 48, 64)]
    assert row_at(found, START + 15) == ENTRY
    assert row_at(found, START + 16) == row(ROW_RSP, 16)
    assert row_at(found, START + 40) == ROW_NONE
    assert row_at(found, START - 1) == ROW_NONE


def test_the_functions_come_out_sorted_with_their_sizes() -> None:
    found = frames((START + 64, 8, b""), (START, 16, b""))
    assert list(found.functions) == [START << 32 | 16, START + 64 << 32 | 8]


def test_functions_that_overlap_still_give_ascending_rows() -> None:
    found = frames((START, 64, b"\x48\x0e\x10"), (START + 8, 8, b"\x0e\x20"), (START + 64, 8, b""))
    pcs = [one >> 32 for one in found.rows]
    assert pcs == sorted(set(pcs))
    assert row_at(found, START + 8) == row(ROW_RSP, 32)
    assert row_at(found, START + 64) == ENTRY


def test_without_a_sorted_table_the_section_is_read_from_front_to_back() -> None:
    functions = [(START + 64, 8, PUSH_RBP), (START, 16, b"")]
    assert frames(*functions, indexed=False).rows == frames(*functions).rows


def test_text_beyond_4_gb_has_no_rows() -> None:
    found = frames((0x7FFF0000, 16, b""), (0xFFFF_FFF8 - (1 << 32), 16, b""))
    assert [one >> 32 for one in found.rows] == [0x7FFF0000, 0x7FFF0010]


@pytest.mark.parametrize(
    "cie",
    [
        b"\x02zR\0\x01\x78\x10\x01\x1b\x0c\x07\x08\x90\x01",  # no such version
        b"\x01zR\0\x01\x78\x1e\x01\x1b\x0c\x07\x08\x90\x01",  # another machine's return address
        b"\x01zR\0\x00\x78\x10\x01\x1b\x0c\x07\x08\x90\x01",  # code alignment 0
        b"\x01zR",
        b"\x01zR\0\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80",
        b"\x01zP\0\x01\x78\x10\x02\x5f\x00",  # a pointer of no known encoding
    ],
    ids=bytes.hex,
)
def test_functions_of_a_damaged_cie_have_no_rows(cie: bytes) -> None:
    assert not frames((START, 16, b""), cie=cie).rows


def test_a_cie_with_everything_a_compiler_writes() -> None:
    """Personality routine, language-specific data, signal frame; version 3; pcs of 8 bytes, relative."""
    cie = b"\x03zPLRS\0\x01\x78\x10\x07\x9b\0\0\0\0\x1b\x1b" + b"\x0c\x07\x08\x90\x01"
    assert rows_of(b"", cie) == [(0, ENTRY), (64, ROW_NONE)]
