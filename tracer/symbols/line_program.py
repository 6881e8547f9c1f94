"""A DWARF line program (versions 2 to 5), run for the rows of one compilation unit."""

from bisect import bisect_right
from dataclasses import dataclass

MOST_ROWS = 2_000_000

COPY, ADVANCE_PC, ADVANCE_LINE, SET_FILE, CONST_ADD_PC, FIXED_ADVANCE_PC = 1, 2, 3, 4, 8, 9
END_SEQUENCE, SET_ADDRESS = 1, 2


@dataclass(frozen=True, slots=True)
class ProgramHeader:
    """What the header of a line program says of its instructions."""

    minimum_length: int
    line_base: int
    line_range: int
    opcode_base: int
    operands: tuple[int, ...]
    """Of each standard instruction the number of its operands."""


class Rows:
    """Rows by address. A row holds until the next; the last of a sequence says that the code has ended."""

    def __init__(self, rows: list[tuple[int, bool, int, int]]) -> None:
        rows.sort(key=lambda row: row[:2])
        self._addresses = [row[0] for row in rows]
        self._rows = rows

    def find(self, address: int) -> tuple[int, int] | None:
        """File number and line of the code at the file's own `address`."""
        index = bisect_right(self._addresses, address) - 1
        if index < 0:
            return None
        _, inside, file, line = self._rows[index]
        return (file, line) if inside else None


class LineMachine:
    """Runs a program. What is damaged ends it; the rows before stay."""

    def __init__(self, header: ProgramHeader, program: bytes) -> None:
        self._header = header
        self._program = program
        self._at = 0
        self._rows: list[tuple[int, bool, int, int]] = []
        self._reset()

    def _reset(self) -> None:
        self._address = 0
        self._file = 1
        self._line = 1

    def run(self) -> Rows:
        """The rows: (address, is code, file number, line)."""
        header, program = self._header, self._program
        base, line_range = header.opcode_base, max(header.line_range, 1)
        try:
            while self._at < len(program) and len(self._rows) < MOST_ROWS:
                opcode = program[self._at]
                self._at += 1
                if opcode >= base:
                    steps, lines = divmod(opcode - base, line_range)
                    self._address += steps * header.minimum_length
                    self._line += header.line_base + lines
                    self._emit(True)
                elif opcode:
                    self._standard(opcode)
                else:
                    self._extended()
        except IndexError:
            pass
        if self._rows and self._rows[-1][1]:
            self._address = self._rows[-1][0] + 1
            self._end_sequence()
        return Rows(self._rows)

    def _end_sequence(self) -> None:
        """Rows at the end's own address cover nothing."""
        while self._rows and self._rows[-1][1] and self._rows[-1][0] >= self._address:
            self._rows.pop()
        self._emit(False)
        self._reset()

    def _emit(self, inside: bool) -> None:
        self._rows.append((self._address, inside, self._file, self._line))

    def _standard(self, opcode: int) -> None:
        header = self._header
        if opcode == COPY:
            self._emit(True)
        elif opcode == ADVANCE_PC:
            self._address += self._unsigned() * header.minimum_length
        elif opcode == ADVANCE_LINE:
            self._line += self._signed()
        elif opcode == SET_FILE:
            self._file = self._unsigned()
        elif opcode == CONST_ADD_PC:
            self._address += (255 - header.opcode_base) // max(header.line_range, 1) * header.minimum_length
        elif opcode == FIXED_ADVANCE_PC:
            self._address += int.from_bytes(self._program[self._at : self._at + 2], "little")
            self._at += 2
        else:
            for _ in range(header.operands[opcode - 1]):
                self._unsigned()

    def _extended(self) -> None:
        size = self._unsigned()
        after = self._at + size
        opcode = self._program[self._at]
        if opcode == END_SEQUENCE:
            self._end_sequence()
        elif opcode == SET_ADDRESS:
            self._address = int.from_bytes(self._program[self._at + 1 : after], "little")
        self._at = after

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._program[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def _signed(self) -> int:
        start = self._at
        value = self._unsigned()
        bits = 7 * (self._at - start)
        return value - (1 << bits) if value >> (bits - 1) else value
