"""Lines broken where they may be: not between a number and its unit, nor after an arrow."""

import re
import textwrap

from tracer.output.stacks import CALLED_BY

_TIE = "\N{NO-BREAK SPACE}"
_UNIT = re.compile(r"(?<=\d) (?=%|(?:[nmu]?s|min|h|MB)\b)")
_ARROW = CALLED_BY.rstrip() + _TIE
CUT = " ..."


def wrapped(text: str, width: int, lines: int | None = None) -> list[str]:
    """At least one line, and `lines` at most; what is cut off is marked."""
    tied = _UNIT.sub(_TIE, text.replace(CALLED_BY, _ARROW))
    found = textwrap.wrap(tied, max(width, len(CUT) + 1), max_lines=lines, placeholder=CUT)
    return [line.replace(_TIE, " ") for line in found] or [""]
