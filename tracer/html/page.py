"""One self-contained page: styles, scripts and data in a template."""

import json
import re
from pathlib import Path
from typing import Any, TextIO

from tracer.html.data import page_data
from tracer.model.kinds import Kind
from tracer.options import Filters
from tracer.recording import Recording
from tracer.recording.folding import folded_report

_SLOT = re.compile(r"/\* (styles|libraries|scripts|data) \*/")
_ASSETS = Path(__file__).parent / "assets"
# d3-flame-graph uses d3.
_LIBRARIES = ("d3.min.js", "d3-flamegraph.min.js")


def write(recording: Recording, out: TextIO) -> None:
    """The page of a whole recording. Raises FileError where the recording is damaged."""
    content = {
        "styles": _text(_ASSETS / "page.css"),
        "libraries": "\n".join(_text(_ASSETS / "vendor" / name) for name in _LIBRARIES),
        "scripts": "\n".join(_text(script) for script in _scripts()),
        "data": embedded(page_data(recording, folded_report(recording, Filters(frozenset(Kind))))),
    }
    out.write(_SLOT.sub(lambda slot: content[slot[1]], _text(_ASSETS / "page.html")))


def embedded(value: Any) -> str:
    """JSON that can stand inside a script element, whatever the names in it."""
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def _scripts() -> list[Path]:
    return sorted((_ASSETS / "scripts").glob("*.js"))


def _text(asset: Path) -> str:
    return asset.read_text(encoding="utf-8")
