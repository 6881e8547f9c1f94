"""The structs, enums and numbers of bpf/lockwatch.h, read from that file.

The header is the one definition of what crosses between the kernel side and the frontend. A Python record
is a NamedTuple that names its struct: `layout` refuses one whose fields differ from the header's.
"""

import re
import struct
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from tracer.bpf_files import bpf_folder

FORMATS = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "s64": "q", "char": "s"}


@dataclass(frozen=True, slots=True)
class Layout:
    """One C struct: its name, its fields in order, and how to pack it."""

    name: str
    fields: tuple[str, ...]
    packing: struct.Struct

    @property
    def size(self) -> int:
        return self.packing.size

    def offset(self, field: str) -> int:
        """Of a field, in bytes."""
        before = re.findall(r"\d*[a-zA-Z]", self.packing.format)[: self.fields.index(field)]
        return struct.calcsize("<" + "".join(before))


@dataclass(frozen=True, slots=True)
class Header:
    """All that the header defines."""

    numbers: dict[str, int]
    layouts: dict[str, Layout]


@cache
def header() -> Header:
    """Parses bpf/lockwatch.h, once."""
    text = (bpf_folder() / "lockwatch.h").read_text()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    numbers = {name: int(value, 0) for name, value in re.findall(r"#define (\w+) (\w+)\s*\n", text)}
    for body in re.findall(r"enum \w+ \{(.*?)\}", text, re.DOTALL):
        _add_enumerators(body, numbers)
    layouts = {
        name: _layout(name, body, numbers)
        for name, body in re.findall(r"struct (\w+) \{(.*?)\};", text, re.DOTALL)
    }
    return Header(numbers, layouts)


def _add_enumerators(body: str, numbers: dict[str, int]) -> None:
    following = 0
    for enumerator in filter(None, (part.strip() for part in body.split(","))):
        name, _, value = (part.strip() for part in enumerator.partition("="))
        if value:
            following = sum(_number(term.strip(), numbers) for term in value.split("+"))
        numbers[name] = following
        following += 1


def _number(term: str, numbers: dict[str, int]) -> int:
    return numbers[term] if term in numbers else int(term, 0)


def _layout(name: str, body: str, numbers: dict[str, int]) -> Layout:
    fields, formats = [], ["<"]
    for kind, field, length in re.findall(r"(\w+) (\w+)(?:\[(\w+)\])?;", body):
        fields.append(field)
        formats.append((str(_number(length, numbers)) if length else "") + FORMATS[kind])
    return Layout(name, tuple(fields), struct.Struct("".join(formats)))


def number(name: str) -> int:
    """A #define or an enumerator."""
    return header().numbers[name]


def layout(name: str, record: type[NamedTuple] | None = None) -> Layout:
    """The layout of a struct, checked against the record that is made from it.

    Raises TypeError where the record's fields are not the struct's: the two have drifted apart.
    """
    found = header().layouts[name]
    fields: Any = record._fields if record is not None else found.fields
    if tuple(fields) != found.fields:
        raise TypeError(f"struct {name} has {found.fields}, not {fields}")
    return found
