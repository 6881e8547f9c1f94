"""Names of frames from every place that a name can come from."""

import lzma
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import WORKLOADS, Build
from parking import Parked, named_stacks, parked, raw_stacks

from tracer.model.stacks import Frame, Stack
from tracer.symbols.lines import LineFinder
from tracer.symbols.module import Module
from tracer.symbols.symbolizer import SIGNAL_FRAME, Symbolizer

SOURCE = WORKLOADS / "named.cc"
FUNCTIONS = {
    "method": "shop::Till::wait_turn(int)",
    "template": "void shop::wait_with<",
    "static": "quiet_wait()",
    "handler": "on_signal(int)",
}


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True, timeout=60)


def marked_line(mark: str) -> int:
    """The number of the line that waits in the function of that mark."""
    lines = SOURCE.read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.endswith(f"// {mark}"))


def stacks_of(running: Parked) -> list[Stack]:
    symbolizer = Symbolizer()
    symbolizer.watch(running.pid)
    return named_stacks(symbolizer, running.pid, raw_stacks(running.pid))


def frame_named(stacks: list[Stack], name: str) -> Frame:
    for stack in stacks:
        for frame in stack.frames:
            if frame.function is not None and frame.function.startswith(name):
                return frame
    raise AssertionError(f"no frame {name} in {[[frame.label for frame in s.frames] for s in stacks]}")


def assert_named(stacks: list[Stack]) -> None:
    for name in FUNCTIONS.values():
        assert frame_named(stacks, name)


@pytest.mark.parametrize("flags", [("-gdwarf-5",), ("-gdwarf-4",), ("-gz=zlib",), ("-gdwarf-4", "-gz=zlib")])
def test_functions_and_lines(build: Build, flags: tuple[str, ...]) -> None:
    with parked(build("named.cc", *flags)) as running:
        stacks = stacks_of(running)
    for mark, function in FUNCTIONS.items():
        frame = frame_named(stacks, function)
        assert frame.file is not None and frame.file.endswith("tests/workloads/named.cc")
        assert frame.line == marked_line(mark)


def test_the_frame_that_a_signal_interrupted(build: Build) -> None:
    with parked(build("named.cc")) as running:
        stacks = stacks_of(running)
    (stack,) = [s for s in stacks if any(frame.function == SIGNAL_FRAME for frame in s.frames)]
    names = [frame.function for frame in stack.frames]
    at = names.index(SIGNAL_FRAME)
    assert names[at - 1 : at + 2] == ["on_signal(int)", SIGNAL_FRAME, "interrupted()"]
    assert stack.complete


def test_generated_code_has_the_name_that_its_perf_map_says(build: Build) -> None:
    with parked(build("named.cc")) as running:
        frame = frame_named(stacks_of(running), "js:hot")
    assert frame.function == "js:hot?loop"


def strip_into(program: Path, target: Path, *options: str | Path) -> Path:
    run("objcopy", "--strip-all", *options, program, target)
    return target


def mini_debug(program: Path, folder: Path) -> Path:
    """.gnu_debugdata as distributions make it: the symbols alone, in an ELF file, compressed."""
    symbols, packed = folder / "symbols", folder / "symbols.xz"
    run("objcopy", "--only-keep-debug", program, symbols)
    run("objcopy", "--strip-debug", symbols)
    packed.write_bytes(lzma.compress(symbols.read_bytes()))
    return strip_into(program, folder / "mini", "--add-section", f".gnu_debugdata={packed}")


def by_link(program: Path, folder: Path) -> Path:
    run("objcopy", "--only-keep-debug", program, folder / "named.debug")
    return strip_into(program, folder / "linked", f"--add-gnu-debuglink={folder / 'named.debug'}")


def by_link_in_debug_folder(program: Path, folder: Path) -> Path:
    linked = by_link(program, folder)
    (folder / ".debug").mkdir()
    (folder / "named.debug").rename(folder / ".debug/named.debug")
    return linked


@pytest.mark.parametrize("make", [mini_debug, by_link, by_link_in_debug_folder])
@pytest.mark.parametrize("flags", [(), ("-Wl,--build-id=none",)], ids=["build id", "no build id"])
def test_stripped_programs(
    build: Build, tmp_path: Path, make: Callable[[Path, Path], Path], flags: tuple[str, ...]
) -> None:
    with parked(make(build("named.cc", *flags), tmp_path)) as running:
        stacks = stacks_of(running)
    assert_named(stacks)
    frame = frame_named(stacks, FUNCTIONS["method"])
    assert frame.line == (None if make is mini_debug else marked_line("method"))


def test_a_stripped_frame_is_named_by_its_file(build: Build, tmp_path: Path) -> None:
    stripped = strip_into(build("named.cc"), tmp_path / "bare")
    with parked(stripped) as running:
        labels = {frame.label for stack in stacks_of(running) for frame in stack.frames}
    assert not labels & set(FUNCTIONS.values())
    assert any(label.startswith("bare+0x") for label in labels)


def test_a_file_that_was_deleted_and_replaced(build: Build, tmp_path: Path) -> None:
    program = Path(shutil.copy(build("named.cc"), tmp_path / "program"))
    with parked(program) as running:
        program.unlink()
        shutil.copy("/bin/true", program)
        stacks = stacks_of(running)
    assert_named(stacks)
    assert frame_named(stacks, FUNCTIONS["static"]).module == "program"


def test_a_target_that_died_and_was_deleted(build: Build, tmp_path: Path) -> None:
    program = Path(shutil.copy(build("named.cc"), tmp_path / "program"))
    symbolizer = Symbolizer()
    with parked(program) as running:
        symbolizer.watch(running.pid)
        raw = raw_stacks(running.pid)
    program.unlink()
    symbolizer.refresh(running.pid)
    assert_named(named_stacks(symbolizer, running.pid, raw))


def test_a_mount_namespace_of_its_own_with_its_debug_file(build: Build, tmp_path: Path) -> None:
    linked = by_link(build("named.cc"), tmp_path)
    inside = tmp_path / "inside"
    inside.mkdir()
    script = 'mount -t tmpfs none "$1" && cp "$2" "$3" "$1" && exec "$1/linked"'
    command = ("unshare", "--mount", "sh", "-c", script, "sh", inside, linked, tmp_path / "named.debug")
    with parked(*command) as running:
        (tmp_path / "named.debug").unlink()
        assert not list(inside.iterdir())
        stacks = stacks_of(running)
    assert_named(stacks)
    assert frame_named(stacks, FUNCTIONS["method"]).line == marked_line("method")


def test_a_library_loaded_and_unloaded_keeps_its_names(build: Build) -> None:
    symbolizer = Symbolizer()
    with parked(build("named.cc")) as running:
        symbolizer.watch(running.pid)
        raw = raw_stacks(running.pid)
        before = named_stacks(symbolizer, running.pid, raw)
        symbolizer.refresh(running.pid)
        assert named_stacks(symbolizer, running.pid, raw) == before


def module_of(program: Path) -> Module:
    return Module(os.open(program, os.O_RDONLY), str(program), ())


def executable_addresses(module: Module) -> list[int]:
    assert module.elf is not None
    text = module.elf.file.get_section_by_name(".text")
    return list(range(text["sh_addr"], text["sh_addr"] + text["sh_size"]))


@pytest.mark.parametrize("flags", [("-gdwarf-5",), ("-gdwarf-4",), ("-gdwarf-5", "-gz=zlib")])
def test_every_line_is_the_one_that_addr2line_says(build: Build, flags: tuple[str, ...]) -> None:
    program = build("named.cc", *flags)
    module = module_of(program)
    addresses = executable_addresses(module)
    said = subprocess.run(
        ["addr2line", "-e", program],
        input="\n".join(map(hex, addresses)),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.split("\n")
    finder = LineFinder()
    compared = 0
    for address, line in zip(addresses, said, strict=False):
        file_name, _, number = line.partition(" ")[0].rpartition(":")
        found = finder.find(module, address)
        if number in ("?", "0"):
            continue
        compared += 1
        assert found is not None, hex(address)
        assert (Path(found.file).name, found.line) == (Path(file_name).name, int(number)), hex(address)
    assert compared > 200
