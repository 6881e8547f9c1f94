"""lockwatch as it is installed: a link, a wheel in another venv, the demo of a source tree."""

import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from harness import PATIENCE, ROOT, Build, Program

LINK = Path("/usr/local/bin/lockwatch")
SCRIPT = ROOT / "scripts/lockwatch"


def run(command: Sequence[str | Path], cwd: Path = Path("/")) -> "subprocess.CompletedProcess[str]":
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=2 * PATIENCE)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    copied = folder / "source"
    assert run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(copied)]).returncode == 0
    built = run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, copied])
    assert built.returncode == 0, built.stdout + built.stderr
    (file,) = folder.glob("lockwatch-*.whl")
    return file


def test_a_wheel_holds_every_file(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    listed = run(["git", "-C", ROOT, "ls-files", "bpf", "tracer"]).stdout.split()
    expected = {f"tracer/{name}" if name.startswith("bpf/") else name for name in listed}
    assert "tracer/bpf/lockwatch.h" in names
    assert not expected - names


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of a venv that has the wheel, on the system's python, with our own venv's libraries."""
    venv = tmp_path_factory.mktemp("venv")
    assert run(["/usr/bin/python3", "-m", "venv", "--system-site-packages", venv]).returncode == 0
    done = run([venv / "bin/pip", "install", "--quiet", "--no-deps", "--no-index", wheel])
    assert done.returncode == 0, done.stderr
    (packages,) = (venv / "lib").glob("python*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return venv / "bin/lockwatch"


def trace_with(command: Sequence[str | Path], program: Path) -> str:
    """What the command prints on a contended program that it attaches to; its exit status is 0."""
    with Program([program, "mutex:4:2000:1"]) as target:
        words = [str(word) for word in command]
        tracer = subprocess.Popen(
            [*words, "attach", "--pid", str(target.pid)],
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert tracer.stderr is not None
        first = tracer.stderr.readline()
        assert "attached" in first, first + tracer.stderr.read()
        target.go()
        target.result()
        target.end()
        stdout, stderr = tracer.communicate(timeout=PATIENCE)
    assert tracer.returncode == 0, stderr
    return stdout


def test_a_wheel_in_another_venv(installed: Path, build: Build) -> None:
    where = run([installed.parent / "python", "-c", "import tracer; print(tracer.__file__)"])
    assert str(installed.parent.parent) in where.stdout
    assert "take_odd" in trace_with([installed], build("contend.c"))


@pytest.fixture
def link() -> Iterator[Path]:
    """`scripts/lockwatch install` has run; what was in its place before comes back afterwards."""
    before = LINK.readlink() if LINK.is_symlink() else None
    assert run([SCRIPT, "install"]).returncode == 0
    yield LINK
    if before != SCRIPT:
        LINK.unlink()
        if before is not None:
            LINK.symlink_to(before)


def test_sudo_finds_the_installed_command(link: Path, build: Build) -> None:
    assert link.resolve() == SCRIPT
    assert "take_odd" in trace_with(["sudo", "lockwatch"], build("contend.c"))


def test_exit_codes_pass_through_the_script() -> None:
    assert run([SCRIPT, "attach", "--pid"]).returncode == 2
    assert run([SCRIPT, "report", "/nowhere"]).returncode == 6
    assert run([SCRIPT, "--version"]).stdout.startswith("lockwatch ")


@pytest.mark.accuracy
def test_the_demo(tmp_path: Path) -> None:
    done = run([SCRIPT, "demo", "3"], cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for lock in ("ledger_lock", "rates_lock", "connections"):
        assert lock in done.stdout
    assert {file.name for file in tmp_path.iterdir()} == {"lockwatch-demo.folded", "lockwatch-demo.json"}
