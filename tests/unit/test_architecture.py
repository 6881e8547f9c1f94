"""Imports go forward only."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "tracer").rglob("*.py"))
FOUNDATIONS = ("tracer/errors.py", "tracer/abi.py", "tracer/model/")


def imports(module: Path) -> Iterator[str]:
    """Names of the modules that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import"
            yield str(node.module)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "importlib.import_module":
            yield from (str(word.value) for word in node.args if isinstance(word, ast.Constant))


def within(module: Path, *folders: str) -> bool:
    return str(module.relative_to(ROOT)).startswith(folders)


def importers(*packages: str) -> set[Path]:
    """The modules that import one of the packages."""
    return {
        module
        for module in MODULES
        for name in imports(module)
        if any(name == package or name.startswith(f"{package}.") for package in packages)
    }


@pytest.mark.parametrize(
    ("package", "home"),
    [
        ("bcc", ("tracer/kernel/",)),
        ("typer", ("tracer/cli.py", "tracer/commands/")),
        ("rich", ("tracer/output/",)),
    ],
)
def test_a_library_has_one_home(package: str, home: tuple[str, ...]) -> None:
    users = importers(package)
    assert users
    assert not [module for module in users if not within(module, *home)]


def test_the_foundations_stand_on_nothing_of_ours() -> None:
    allowed = ("tracer.model", "tracer.errors", "tracer.bpf_files")
    for module in MODULES:
        if within(module, *FOUNDATIONS):
            ours = [name for name in imports(module) if name.startswith("tracer")]
            assert not [name for name in ours if not name.startswith(allowed)], module


def test_views_see_the_model_only() -> None:
    allowed = ("tracer.model", "tracer.output", "tracer.errors")
    for module in MODULES:
        if within(module, "tracer/output/"):
            ours = [name for name in imports(module) if name.startswith("tracer")]
            assert not [name for name in ours if not name.startswith(allowed)], module


def test_nothing_imports_the_command_line_but_its_start() -> None:
    assert {module.name for module in importers("tracer.cli")} == {"__main__.py"}
    assert not [
        module
        for module in importers("tracer.commands")
        if not within(module, "tracer/cli.py", "tracer/commands/")
    ]
