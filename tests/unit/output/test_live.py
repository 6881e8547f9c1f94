"""Live lines: what they say, and how many there are."""

import io
import re
from dataclasses import replace

import pytest
from output_models import BLOCKED, HOSTILE, MS, SECOND, WAIT

from tracer.model.kinds import Outcome
from tracer.model.report import ProbeState
from tracer.model.waits import Wait
from tracer.output.live import LiveView


def shown(wait: Wait, corrects: bool = False) -> str:
    out = io.StringIO()
    view = LiveView(out, wall_offset_ns=0)
    view.wait(wait)
    if corrects:
        view.wait(wait, corrects=True)
    return out.getvalue().splitlines()[-1]


def test_a_line_says_all_there_is_to_say() -> None:
    line = shown(WAIT)
    assert re.match(r"\d\d:\d\d:01\.123  worker/71 +mutex +SecurityManager +123\.0 ms  5 sleeps  ", line)
    assert line.endswith(
        "held by holder/72 serving create  for getInfo  genLabel (daemon.c:12) <- launch <- create"
    )


def test_a_line_leaves_out_what_is_not_known() -> None:
    line = shown(replace(WAIT, sleeps=1, owner=None, request=None, outcome=Outcome.TIMEOUT))
    assert "sleep" not in line and "held by" not in line and " for " not in line
    assert " timeout " in line


def test_a_correction_is_marked_and_only_of_a_line_that_was_shown() -> None:
    assert "in all, corrected" in shown(WAIT, corrects=True)
    out = io.StringIO()
    LiveView(out).wait(WAIT, corrects=True)
    assert out.getvalue() == ""


def test_a_wait_that_lasts() -> None:
    out = io.StringIO()
    LiveView(out).blocked(BLOCKED)
    assert "still waiting 3.2 s  since before the attach  held by vm" in out.getvalue()


def test_hostile_names_stay_on_their_line() -> None:
    line = shown(replace(WAIT, thread=replace(WAIT.thread, name=HOSTILE)))
    assert "\x1b" not in line and 'vm\\x1b[31m;<b>[bold red]\\x0a"/71' in line


def test_the_rate_is_kept_and_the_rest_is_counted() -> None:
    out = io.StringIO()
    view = LiveView(out, rate=2)
    for number in range(5):
        view.wait(replace(WAIT, started_ns=number), now_ns=MS)
    assert not view.has_room(now_ns=MS)
    view.held_back(10)
    view.tick(now_ns=2 * MS)
    assert len(out.getvalue().splitlines()) == 2
    view.tick(now_ns=SECOND)
    assert out.getvalue().splitlines()[2:] == ["... 13 more lines held back (--rate 2)"]
    assert view.has_room(now_ns=SECOND)
    view.wait(WAIT, now_ns=SECOND)
    view.close()
    assert len(out.getvalue().splitlines()) == 4


def test_no_rate_holds_nothing_back() -> None:
    out = io.StringIO()
    view = LiveView(out, rate=None)
    for number in range(100):
        view.wait(replace(WAIT, started_ns=number), now_ns=MS)
    view.close()
    assert len(out.getvalue().splitlines()) == 100


def test_a_narrow_terminal_gets_a_second_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    LiveView(out).wait(WAIT)
    first, second = (re.sub(r"\x1b\[[0-9;]*m", "", line) for line in out.getvalue().splitlines())
    assert first.endswith("5 sleeps")
    assert len(second) <= 100 and second.strip().startswith("held by holder/72")


def test_a_probe_that_does_not_count_everything_is_told_with_its_reason() -> None:
    out = io.StringIO()
    LiveView(out, wall_offset_ns=0).probe(ProbeState("sampled", 5, 700, 9, "it would cost too much"), SECOND)
    assert out.getvalue().endswith("  the pthread_mutex_lock probe is sampled: it would cost too much\n")
