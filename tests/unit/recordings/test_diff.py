"""Recordings compared: what changed, what is noise, and the exit code for CI."""

import json
import random
import re
from dataclasses import replace
from pathlib import Path

import pytest
import recording_models as made
from recording_models import MS, SECOND, ZERO, record

from tracer.cli import run
from tracer.comparing.bootstrap import SLICES, Bootstrap, discoveries
from tracer.comparing.compare import compare
from tracer.comparing.limit import above, parse_limit
from tracer.errors import UsageError
from tracer.model.comparison import Amount, Change, Comparison, Per, Trend
from tracer.model.kinds import Kind, Outcome
from tracer.model.locks import Lock
from tracer.model.report import Report
from tracer.model.stacks import Frame, Stack, StackEnd
from tracer.model.waits import Wait
from tracer.options import Filters
from tracer.recording import Recorder, Recording

FINISHED = Report(made.INFO, requests=made.REQUESTS)


def steady(lock: Lock, milliseconds: int, count: int, seed: int, stack: Stack = made.TAKE) -> list[Wait]:
    """Waits all over ten seconds, of lengths that scatter by a third."""
    source = random.Random(seed)
    waits = []
    for number in range(count):
        start = ZERO + number * 10 * SECOND // count
        length = round(milliseconds * MS * source.uniform(0.67, 1.33))
        waits.append(Wait(made.WORKER, lock, lock.kind, start, start + length, 1, Outcome.WOKEN, stack))
    return waits


def recorded(path: Path, waits: list[Wait], report: Report = FINISHED) -> str:
    return str(record(path, report, tuple(waits)))


def compared(before: str, after: str, per: Per = Per.SECOND) -> Comparison:
    with Recording(before) as one, Recording(after) as other:
        return compare(one, other, per, Filters())


def elsewhere(lock: Lock) -> Lock:
    """The same lock in the next run."""
    return replace(lock, pid=99, address=lock.address + 0x1234560, name="another name")


def moved(stack: Stack) -> Stack:
    return Stack(tuple(replace(frame, address=frame.address + 0x7000) for frame in stack.frames), stack.end)


def test_the_same_program_run_twice_is_within_noise(tmp_path: Path) -> None:
    before = recorded(tmp_path / "a", steady(made.QUEUE, 5, 300, seed=1))
    after = recorded(tmp_path / "b", steady(elsewhere(made.QUEUE), 5, 300, seed=2, stack=moved(made.TAKE)))
    comparison = compared(before, after)
    (lock,) = comparison.locks
    assert lock.trend is Trend.UNCLEAR
    assert lock.low_ns < lock.difference_ns < lock.high_ns
    assert [site.frames for site in comparison.sites] == [("take", "serve", "main")]


def test_slower_faster_new_and_gone_are_told_apart(tmp_path: Path) -> None:
    locks = {name: replace(made.QUEUE, identity=name, address=ord(name) << 4) for name in "abcd"}
    before = [*steady(locks["a"], 4, 200, 1), *steady(locks["b"], 8, 200, 2), *steady(locks["c"], 3, 200, 3)]
    after = [*steady(locks["a"], 8, 200, 4), *steady(locks["b"], 4, 200, 5), *steady(locks["d"], 3, 200, 6)]
    comparison = compared(recorded(tmp_path / "a", before), recorded(tmp_path / "b", after))
    trends = {change.identity: change.trend for change in comparison.locks}
    assert trends == {"a": Trend.SLOWER, "b": Trend.FASTER, "c": Trend.GONE, "d": Trend.NEW}
    assert comparison.total.trend is Trend.UNCLEAR
    slower = next(change for change in comparison.locks if change.identity == "a")
    assert slower.growth == pytest.approx(1, abs=0.1)
    assert slower.after.waits == 20


@pytest.mark.parametrize(("share", "trends"), [(1.0, {Trend.UNCLEAR}), (0.2, {Trend.GONE, Trend.NEW})])
def test_a_lock_that_only_a_call_site_names_is_found_again(
    tmp_path: Path, share: float, trends: set[Trend]
) -> None:
    then, now = (
        replace(made.QUEUE, address=64, identity=f"heap lock first waited for in {site}", name="lock")
        for site in ("take", "give")
    )
    before = [*steady(then, 5, 200, 1), *steady(then, 5, 100, 2, made.GIVE)]
    same = round(300 * share)
    after = [*steady(now, 5, same, 3), *steady(now, 5, 300 - same, 4, made.LOOK)]
    comparison = compared(recorded(tmp_path / "a", before), recorded(tmp_path / "b", after))
    assert {change.trend for change in comparison.locks} == trends
    assert comparison.locks[-1].identity.startswith("heap lock first waited for in")


def test_one_long_burst_proves_nothing(tmp_path: Path) -> None:
    waits = steady(made.QUEUE, 5, 300, seed=1)
    burst = replace(waits[150], ended_ns=waits[150].ended_ns + SECOND)
    comparison = compared(recorded(tmp_path / "a", waits), recorded(tmp_path / "b", [*waits, burst]))
    assert comparison.locks[0].trend is Trend.UNCLEAR
    assert comparison.locks[0].growth == pytest.approx(0.67, abs=0.1)


def test_the_higher_threshold_holds_for_both(tmp_path: Path) -> None:
    waits = [*steady(made.QUEUE, 2, 100, 1), *steady(made.QUEUE, 9, 100, 2)]
    coarse = replace(made.INFO, threshold_ns=4 * MS)
    before = recorded(tmp_path / "a", waits)
    path = tmp_path / "b"
    recorder = Recorder(path, coarse, started_ns=ZERO)
    for wait in waits[100:]:
        recorder.wait(wait)
    recorder.finish(Report(coarse))
    comparison = compared(before, str(path))
    assert comparison.threshold_ns == 4 * MS
    assert comparison.locks[0].difference_ns == 0


def test_units_are_seconds_requests_or_runs(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a", steady(made.QUEUE, 5, 100, seed=1))
    whole = {per: compared(path, path, per).total.before.waits for per in Per}
    assert whole == {Per.SECOND: 10.0, Per.RUN: 100.0, Per.REQUEST: 100 / 23}


def test_per_request_needs_requests(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a", steady(made.QUEUE, 5, 100, seed=1), replace(FINISHED, requests=None))
    with pytest.raises(UsageError, match="has no finished requests"):
        compared(path, path, Per.REQUEST)


def test_what_has_not_ended_counts(tmp_path: Path) -> None:
    waits = steady(made.TABLE, 5, 100, seed=1)
    before = recorded(tmp_path / "a", waits)
    after = recorded(tmp_path / "b", waits, replace(FINISHED, waiting=(made.BLOCKED,)))
    assert compared(before, after, Per.RUN).total.difference_ns == 10 * SECOND


def test_draws_find_a_difference_of_a_tenth_in_even_slices() -> None:
    source = random.Random(5)
    before = [round(source.gauss(1000, 100)) for _ in range(SLICES)]
    after = [round(source.gauss(1100, 100)) for _ in range(SLICES)]
    interval = Bootstrap().interval(before, 1, after, 1)
    assert 0 < interval.low < sum(after) - sum(before) < interval.high
    assert interval.chance < 0.01


def test_about_one_in_twenty_intervals_of_nothing_misses_nothing() -> None:
    source = random.Random(7)
    bootstrap = Bootstrap(draws=200)
    missed = 0
    for _ in range(200):
        sides = [[round(source.expovariate(0.001)) for _ in range(SLICES)] for _ in range(2)]
        interval = bootstrap.interval(sides[0], 1, sides[1], 1)
        missed += not interval.low <= 0 <= interval.high
    assert missed <= 24


def test_many_rows_need_more_certainty_each() -> None:
    assert discoveries([0.04]) == [True]
    assert discoveries([0.04, *[0.9] * 9]) == [False] * 10
    assert discoveries([0.9, 0.001, 0.008, 0.5]) == [False, True, True, False]
    assert discoveries([]) == []


def change(identity: str, before: float, after: float, trend: Trend) -> Change:
    return Change(identity, Kind.MUTEX, (), Amount(1, before), Amount(1, after), 0, 0, trend)


def test_the_limit_is_for_real_growth_that_matters(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a", steady(made.QUEUE, 5, 100, seed=1))
    rows = (
        change("doubled", 1000, 2000, Trend.SLOWER),
        change("noise", 1000, 2000, Trend.UNCLEAR),
        change("a little", 1000, 1100, Trend.SLOWER),
        change("tiny", 1, 10, Trend.SLOWER),
        change("new", 0, 500, Trend.NEW),
        change("gone", 500, 0, Trend.GONE),
    )
    whole = change("all locks", 5000, 5600, Trend.SLOWER)
    comparison = replace(compared(path, path), total=whole, locks=rows)
    assert [row.identity for row in above(comparison, 0.2)] == ["doubled", "new"]
    assert [row.identity for row in above(comparison, 0.05)] == ["all locks", "doubled", "a little", "new"]


def test_limits_are_written_in_percent() -> None:
    assert (parse_limit("20%"), parse_limit("150 %")) == (0.2, 1.5)
    with pytest.raises(UsageError, match="is no share"):
        parse_limit("0.2")


def test_diff_as_a_user_calls_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = recorded(tmp_path / "before.lockwatch", steady(made.QUEUE, 4, 200, seed=1))
    after = recorded(tmp_path / "after.lockwatch", steady(elsewhere(made.QUEUE), 8, 200, seed=2))
    files = [str(tmp_path / "d.json"), str(tmp_path / "d.folded")]
    arguments = ["diff", before, after, "--json", files[0], "--folded", files[1]]
    assert run([*arguments, "--fail-above", "20%"]) == 1
    shown = capsys.readouterr()
    assert "slower" in shown.out and "daemon:queue" in shown.out and "take <- serve <- main" in shown.out
    assert "daemon:queue: +" in shown.err
    assert run([*arguments, "--fail-above", "300%"]) == 0
    assert run(arguments) == 0
    document = json.loads(Path(files[0]).read_text())
    assert document["schema"] == "lockwatch.diff/1"
    assert document["locks"][0]["trend"] == "slower"
    stack, before_ns, after_ns = Path(files[1]).read_text().split("\n")[0].rsplit(" ", 2)
    assert stack == "main;serve;take;lock daemon:queue"
    assert int(after_ns) / int(before_ns) == pytest.approx(2, abs=0.1)


def test_the_frames_of_libc_are_kept_but_not_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inside = Stack((made.frame("__lll_lock_wait", 1, "libc.so.6"), *made.TAKE.frames), StackEnd.COMPLETE)
    before = recorded(tmp_path / "a", steady(made.QUEUE, 1, 200, 1, inside))
    after = recorded(tmp_path / "b", steady(made.QUEUE, 30, 200, 2, inside))
    assert run(["diff", before, after, "--folded", str(tmp_path / "f")]) == 0
    shown = capsys.readouterr().out
    assert "slower: take <- serve <- main" in shown
    assert re.search(r"\d\d\.\dx", shown)
    assert "take;__lll_lock_wait;lock" in (tmp_path / "f").read_text()


def test_hostile_names_cannot_write_on_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "\x1b[31m;evil\n"
    lock = replace(made.QUEUE, identity=name, name=name)
    stack = Stack((Frame(name, "m", 1, 1),), StackEnd.COMPLETE)
    before = recorded(tmp_path / "a", steady(lock, 4, 200, 1, stack))
    after = recorded(tmp_path / "b", steady(lock, 9, 200, 2, stack))
    assert run(["diff", before, after, "--folded", str(tmp_path / "f")]) == 0
    assert "\x1b" not in capsys.readouterr().out
    (line,) = (tmp_path / "f").read_text().splitlines()
    assert "\x1b" not in line and line.count(";") == 1
