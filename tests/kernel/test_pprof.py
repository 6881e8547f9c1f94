"""The real pprof reads what `export --format pprof` writes."""

import subprocess
import sys
from pathlib import Path

import pytest

from tracer.cli import run

sys.path.append(str(Path(__file__).parents[1] / "unit" / "recordings"))
from recording_models import record


def top(tmp_path: Path, *arguments: str) -> dict[str, str]:
    """Flat time by function, as `go tool pprof -top` prints it."""
    profile = str(tmp_path / "run.pb.gz")
    recording = str(record(tmp_path / "run.lockwatch"))
    assert run(["export", recording, "--format", "pprof", "--output", profile, *arguments]) == 0
    done = subprocess.run(
        ["go", "tool", "pprof", "-top", profile],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": str(tmp_path), "PPROF_TMPDIR": str(tmp_path)},
    )
    header = "flat  flat%   sum%        cum   cum%"
    lines = done.stdout.split(header)[1].splitlines()
    return {fields[5]: fields[0] for line in lines if (fields := line.split(maxsplit=5))}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), {"take": "10ms", "[daemon]": "5ms", "main": "0", "serve": "0"}),
        (("--holders",), {"give": "12ms", "[no release seen]": "1ms", "main": "0"}),
    ],
)
def test_the_real_pprof_adds_up_the_same(
    tmp_path: Path, arguments: tuple[str, ...], expected: dict[str, str]
) -> None:
    assert top(tmp_path, *arguments) == expected
