"""Where text goes: coloured and cut to the width on a terminal, plain and complete in a pipe."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tracer.output.wrapping import wrapped

Part = tuple[str, str]
"""Text and its style."""

# Wider than any line: nothing is ever cut in a pipe.
_PIPE_WIDTH = 1_000_000
# An elastic column is not cut below this for the sake of another column.
LEAST_ELASTIC = 24
GAP = 2


@dataclass(frozen=True, slots=True)
class Column:
    """A table's column. Where a terminal is too narrow, those with the highest `spare` are left out
    first, those without one never; the one that is `elastic` is then cut short.
    """

    title: str
    right: bool = False
    elastic: bool = False
    style: str = ""
    spare: int = 0


class _Console(Console):
    """Leaves it to others what to do when nobody reads any more."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class Page:
    """Lines and tables on `out`. The text must be printable: see `names.printable`."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._encoding = getattr(out, "encoding", None) or "utf-8"
        self.terminal = out.isatty()
        self._console = _Console(
            file=out,
            force_terminal=self.terminal,
            width=None if self.terminal else _PIPE_WIDTH,
            markup=False,
            emoji=False,
            highlight=False,
        )

    def line(self, *parts: Part | str) -> None:
        """One line. On a terminal it is cut to the width, and no longer than that."""
        if self.terminal:
            self._render(_text(parts))
        else:
            self._write("".join(part if isinstance(part, str) else part[0] for part in parts).rstrip() + "\n")

    def fits(self, parts: Iterable[Part | str]) -> bool:
        """The line is shown whole."""
        return not self.terminal or _text(parts).cell_len <= self._console.width

    @property
    def width(self) -> int | None:
        """The terminal's columns; None: a pipe, where nothing is ever cut."""
        return self._console.width if self.terminal else None

    def beside(self, left: Sequence[Part | str], right: Sequence[Part | str], column: int, gap: int) -> None:
        """Two lines as one, each cut to `column`, on a terminal."""
        first, second = _text(left), _text(right)
        first.truncate(column, overflow="ellipsis", pad=True)
        second.truncate(column, overflow="ellipsis")
        self._render(Text.assemble(first, " " * gap, second))

    def paragraph(self, text: str, style: str = "", indent: str = "  ") -> None:
        """A sentence, wrapped on a terminal."""
        width = self._console.width if self.terminal else _PIPE_WIDTH
        for line in wrapped(text, width - len(indent)):
            self.line((indent + line, style))

    def title(self, text: str) -> None:
        self.line()
        self.line((text, "bold"))

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[str]], indent: int = 2) -> None:
        cells = [tuple(row) for row in rows]
        widths = {
            place: max(cell_len(text) for text in (column.title, *(row[place] for row in cells)))
            for place, column in enumerate(columns)
        }
        shown = self._fitted(columns, widths, indent)
        table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="dim")
        table.add_column("", width=indent - 2 if indent > 2 else 0)
        for place, width in shown.items():
            column = columns[place]
            table.add_column(
                column.title,
                justify="right" if column.right else "left",
                style=column.style,
                overflow="ellipsis",
                no_wrap=True,
                width=width,
            )
        for row in cells:
            table.add_row("", *(Text(row[place]) for place in shown))
        self._render(table)
        missing = [column.title for place, column in enumerate(columns) if place not in shown]
        if missing:
            self.paragraph(f"(no room for {', '.join(missing)})", "dim")

    def _fitted(self, columns: Sequence[Column], widths: dict[int, int], indent: int) -> dict[int, int]:
        """The columns that are shown, by their place, and how wide each is."""
        if self.width is None:
            return widths
        least = {
            place: min(width, LEAST_ELASTIC) if columns[place].elastic else width
            for place, width in widths.items()
        }
        while _whole_width(least.values(), indent) > self.width:
            spared = max(least, key=lambda place: columns[place].spare)
            if not columns[spared].spare:
                break
            del least[spared]
        over = max(0, _whole_width((widths[place] for place in least), indent) - self.width)
        return {
            place: max(1, widths[place] - over) if columns[place].elastic else widths[place]
            for place in least
        }

    def flush(self) -> None:
        self._out.flush()

    def _render(self, what: Text | Table) -> None:
        with self._console.capture() as captured:
            self._console.print(what, no_wrap=True, overflow="ellipsis", crop=True)
        for line in captured.get().splitlines():
            self._write(line.rstrip() + "\n")

    def _write(self, text: str) -> None:
        self._out.write(text.encode(self._encoding, "backslashreplace").decode(self._encoding))


def _whole_width(widths: Iterable[int], indent: int) -> int:
    return indent + sum(width + GAP for width in widths) - GAP


def _text(parts: Iterable[Part | str]) -> Text:
    return Text.assemble(*parts)
