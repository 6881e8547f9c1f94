"""Members of variables by debug information: of whole files in test_naming, here of damaged ones."""

import os
import random
import subprocess
from pathlib import Path

import pytest
from harness import Build

from tracer.naming.members import MemberFinder
from tracer.symbols.module import Module

SECTIONS = (".debug_info", ".debug_abbrev", ".debug_str")


def address_of(program: Path, variable: str) -> int:
    """By its name, mangled or not."""
    lines = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout.splitlines()
    symbols = [line.split() for line in lines if len(line.split()) == 3]
    (found,) = (word for word, kind, name in symbols if kind in "BbDd" and name.endswith(variable))
    return int(found, 16)


def places(program: Path) -> dict[str, tuple[int, int]]:
    """Offset in the file and size of each section of SECTIONS."""
    found = {}
    lines = subprocess.run(["readelf", "-SW", program], capture_output=True, text=True, check=True).stdout
    for line in lines.splitlines():
        words = line.partition("]")[2].split()
        if words and words[0] in SECTIONS:
            found[words[0]] = int(words[3], 16), int(words[4], 16)
    return found


def path_in(file: Path, variable: int, offset: int) -> str | None:
    module = Module(os.open(file, os.O_RDONLY), str(file), ())
    try:
        return MemberFinder().path(module, variable, offset)
    finally:
        if module.elf is not None:
            module.elf.close()


@pytest.mark.parametrize(
    ("variable", "offset", "path"),
    [
        ("state", 0x28, ".lock"),
        ("state", 0x50, ".nested.inner"),
        ("table", 8, "[0][0].lock"),
        ("table", 0x158, "[3][1].lock"),
        ("table", 0x160, None),
        ("table", 8 * 48 + 8, None),
        ("state", 0x1000, None),
        ("alone", 0, ""),
        ("alone", 8, None),
    ],
)
def test_paths(build: Build, variable: str, offset: int, path: str | None) -> None:
    program = build("variables.cc")
    assert path_in(program, address_of(program, variable), offset) == path


def paths_in(file: Path, name: str, offset: int) -> set[str | None]:
    module = Module(os.open(file, os.O_RDONLY), str(file), ())
    try:
        return MemberFinder().class_paths(module, name, offset, lambda size: size > 0)
    finally:
        if module.elf is not None:
            module.elf.close()


def test_paths_in_classes(build: Build) -> None:
    program = build("variables.cc")
    assert paths_in(program, "Store", 8) == {".guard"}
    assert paths_in(program, "Store", 0x1000) == {None}
    assert paths_in(program, "Stor", 8) == paths_in(program, "store", 8) == set()


@pytest.mark.parametrize("seed", range(24))
def test_damaged_debug_information_gives_a_name_or_none(build: Build, tmp_path: Path, seed: int) -> None:
    program, damaged = build("variables.cc"), tmp_path / "damaged"
    data, chance = bytearray(program.read_bytes()), random.Random(seed)
    for start, size in places(program).values():
        for _ in range(seed * size // 400):
            data[start + chance.randrange(size)] = chance.randrange(256)
    damaged.write_bytes(data)
    for variable, offset in (("state", 0x28), ("table", 0x158), ("store", 8)):
        found = path_in(damaged, address_of(program, variable), offset)
        assert found is None or isinstance(found, str)
        assert seed or found
    paths = paths_in(damaged, "Store", 8)
    assert all(path is None or isinstance(path, str) for path in paths)
    assert seed or paths == {".guard"}
