"""Symbols and lines of files that are damaged in every part: less is named, and nothing else happens."""

import io
import random
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from harness import Build

from tracer.locks.layout import read_layout
from tracer.locks.library import is_c_library
from tracer.process import Mapping
from tracer.symbols.lines import LineFinder
from tracer.symbols.module import Module
from tracer.symbols.names import LONGEST_NAME, readable

TABLES = (".symtab", ".strtab", ".dynsym", ".dynstr", ".shstrtab", ".gnu.version", ".note.gnu.build-id")
ADDRESSES = range(0x1000, 0x3000, 61)


def weak_spots(data: bytes) -> list[range]:
    """Where damage hurts: headers, symbols, debug information."""
    elf = ELFFile(io.BytesIO(data))
    headers = range(elf["e_shoff"], elf["e_shoff"] + elf["e_shentsize"] * elf["e_shnum"])
    sections = [
        range(section["sh_offset"], section["sh_offset"] + section["sh_size"])
        for section in elf.iter_sections()
        if section.name.startswith(".debug") or section.name in TABLES
    ]
    return [range(64), range(64, 64 + elf["e_phentsize"] * elf["e_phnum"]), headers, *sections]


def damaged(data: bytes, spots: list[range], chance: random.Random) -> bytes:
    if chance.random() < 0.2:
        return data[: chance.randrange(len(data))]
    broken = bytearray(data)
    for _ in range(chance.choice([1, 3, 20])):
        broken[chance.choice(chance.choice(spots))] = chance.choice([0, 0xFF, 0x80, chance.randrange(256)])
    return bytes(broken)


def ask_everything(data: bytes) -> int:
    """How many answers there were."""
    module = Module(data, "/no/where", ())
    lines = LineFinder()
    answers = 0
    for address in ADDRESSES:
        symbol = module.functions.find(address)
        module.variables.find(address)
        if symbol is not None:
            assert len(readable(symbol.name)) <= LONGEST_NAME
        answers += (symbol is not None) + (lines.find(module, address) is not None)
    assert all(isinstance(export.name, str) for export in module.exports)
    is_c_library(module)
    read_layout(module)
    module.bias(Mapping(0x7000, 0x8000, 0x2000, "r-xp", "00:01", 1, "/no/where"))
    return answers


@pytest.mark.parametrize("flags", [("-gdwarf-5",), ("-gdwarf-4", "-gz=zlib")])
def test_damage(build: Build, flags: tuple[str, ...]) -> None:
    data = Path(build("named.cc", *flags)).read_bytes()
    spots = weak_spots(data)
    chance = random.Random(7)
    whole = ask_everything(data)
    assert whole > 50
    answers = [ask_everything(damaged(data, spots, chance)) for _ in range(60)]
    assert 0 in answers
    assert max(answers) > 50
