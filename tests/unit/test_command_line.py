"""What the command line says of itself."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tracer.cli import VERBS, run

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_help_with_examples(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([verb, "--help"]) == 0
    said = capsys.readouterr().out
    assert f"\n  lockwatch {verb} " in said.split("Examples:")[1]
    assert "<str>" not in said and "<path>" not in said


def test_help_names_each_verb_in_a_whole_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    lines = capsys.readouterr().out.split("Commands:\n")[1].splitlines()
    assert [line.split()[0] for line in lines] == list(VERBS)
    assert all(line.endswith(".") and not line.endswith("...") for line in lines)


def test_no_verb_is_a_question_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert capsys.readouterr().err.startswith("Usage: lockwatch")


def test_an_unknown_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["top"]) == 2
    assert "top" in capsys.readouterr().err


def test_ctrl_c_while_all_is_still_imported_ends_it_quietly(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("import time\nprint('importing', flush=True)\ntime.sleep(60)\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "tracer", "attach", "--pid", "1"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == -signal.SIGINT
