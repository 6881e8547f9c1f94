"""Line programs, instruction by instruction."""

from tracer.symbols.line_program import LineMachine, ProgramHeader, Rows

HEADER = ProgramHeader(
    minimum_length=1,
    line_base=-5,
    line_range=14,
    opcode_base=13,
    operands=(0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1),
)


def set_address(address: int) -> bytes:
    return b"\x00\x09\x02" + address.to_bytes(8, "little")


def special(advance: int, lines: int) -> bytes:
    return bytes([lines + 5 + 14 * advance + 13])


END = b"\x00\x01\x01"


def run(program: bytes) -> Rows:
    return LineMachine(HEADER, program).run()


def test_special_and_standard_instructions() -> None:
    program = set_address(0x1000) + special(0, 4) + b"\x04\x02" + b"\x02\x80\x01" + b"\x03\x7f" + b"\x01"
    program += b"\x08" + b"\x01" + b"\x09\x10\x00" + b"\x01" + END
    rows = run(program)
    const_add = 0x1080 + (255 - 13) // 14
    assert rows.find(0xFFF) is None
    assert rows.find(0x1000) == rows.find(0x107F) == (1, 5)
    assert rows.find(0x1080) == (2, 4)
    assert rows.find(const_add) == (2, 4)
    assert rows.find(const_add + 0x10) is None


def test_the_end_of_a_sequence_ends_its_code_also_where_another_begins() -> None:
    rows = run(set_address(0x2000) + special(0, 1) + special(8, 1) + b"\x02\x08" + END)
    assert rows.find(0x200F) == (1, 3)
    assert rows.find(0x2010) is None
    joined = run(
        set_address(0x20)
        + special(0, 6)
        + b"\x02\x10"
        + END
        + set_address(0x10)
        + special(0, 1)
        + b"\x02\x10"
        + END
    )
    assert (joined.find(0x1F), joined.find(0x20), joined.find(0x30)) == ((1, 2), (1, 7), None)


def test_unknown_instructions_are_stepped_over() -> None:
    unknown = b"\x00\x04\x80abc" + b"\x05\x81\x01" + b"\x0c\x01" + b"\x0a"
    assert run(set_address(0x10) + unknown + special(0, 2) + special(1, 0) + END).find(0x10) == (1, 3)


def test_a_cut_program_keeps_the_rows_before() -> None:
    for rest in (b"\x02\xff", b"\x00", b"\x00\x05", b"\x03\x80"):
        assert run(set_address(0x10) + special(0, 2) + rest).find(0x10) == (1, 3)
    assert run(b"").find(0) is None


def test_a_line_range_of_zero_does_no_harm() -> None:
    header = ProgramHeader(1, -1, 0, 10, (0, 1, 1, 1, 1, 0, 0, 0, 1))
    assert LineMachine(header, b"\xff\x08\x01").run().find(0) is None
