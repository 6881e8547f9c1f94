"""What the kernel tests share: compiled test programs, and a folder for each test's files."""

import os
import subprocess
from pathlib import Path

import pytest
from harness import WORKLOADS, Build

FLAGS = ("-O2", "-g", "-Wall", "-Wextra", "-Werror", "-pthread")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without root nothing here can run, and that is a failure, not a pass."""
    if os.geteuid() != 0 and any("tests/kernel" in str(item.path) for item in items):
        raise pytest.UsageError("the kernel tests load BPF programs: run them as root")


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """`build("name.c", *flags)` compiles a test program, once; `packages` go to pkg-config."""
    folder = tmp_path_factory.mktemp("programs")
    built: dict[tuple[str, ...], Path] = {}

    def compile_program(source: str, *flags: str, packages: tuple[str, ...] = ()) -> Path:
        key = (source, *flags, *packages)
        if key not in built:
            target = folder / f"{Path(source).stem}{len(built)}{'.so' if '-shared' in flags else ''}"
            compiler = "g++" if source.endswith(".cc") else "gcc"
            libraries = _package_flags(packages)
            command = [compiler, *FLAGS, *flags, "-o", str(target), str(WORKLOADS / source), *libraries]
            subprocess.run(command, check=True, timeout=100)
            built[key] = target
        return built[key]

    return compile_program


def _package_flags(packages: tuple[str, ...]) -> list[str]:
    if not packages:
        return []
    command = ["pkg-config", "--cflags", "--libs", *packages]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
