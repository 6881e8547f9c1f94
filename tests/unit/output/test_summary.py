"""The summary, in a pipe and on a terminal."""

import io
import itertools
import re
from dataclasses import replace

import pytest
from output_models import (
    BLOCKED,
    CREATE,
    DOMAIN,
    EMPTY,
    MANAGER,
    MANAGER_TOTAL,
    POOL,
    REPORT,
    SECOND,
    SECOND_THREAD,
    stack_of,
)

from tracer.model.locks import Owner
from tracer.model.report import ProbeState, Report
from tracer.output import summary


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def text_of(report: Report, top: int = 20) -> str:
    out = io.StringIO()
    summary.write(report, out, top)
    return out.getvalue()


def test_locks_are_apart_from_idle_waits() -> None:
    text = text_of(REPORT)
    head, idle = text.split("Idle waits and hand-overs")
    assert "SecurityManager  " in head and "pool cond 3" not in head
    assert "pool cond 3" in idle
    assert "220 waits for 2 locks, 9.1 s in all; 152 of them 1.0 ms or longer" in head
    assert "98.9 %" in head  # of contention: the pool's 50 s are no part of it


def test_a_lock_has_its_call_sites_and_release_sites() -> None:
    text = text_of(REPORT)
    assert "100.0 %      8.0 s     150 waits  genLabel (daemon.c:12) <- launch <- create\n" in text
    assert (
        "88.9 %      8.0 s          100x  release by worker for create: unlock (daemon.c:12) <- command\n"
        in text
    )
    assert "11.1 %      1.0 s          100x  short releases\n" in text
    assert "rwlock-read  findDomain" in text


def test_requests_and_waiting_are_told_in_words() -> None:
    text = text_of(REPORT)
    assert "create waited 10.0 s for SecurityManager, held by create.\n" in text
    assert (
        "worker/71 has waited 3.2 s (since before the attach) for mutex SecurityManager, held by vm" in text
    )


def test_what_takes_little_of_a_call_is_not_told() -> None:
    assert REPORT.requests is not None
    request = REPORT.requests[0]
    small = replace(request, held_up_by=(replace(request.held_up_by[0], wait_ns=request.total_ns // 101),))
    assert "create waited" not in text_of(replace(REPORT, requests=(small,)))


def test_a_pipe_gets_whole_lines_without_escapes() -> None:
    deep = replace(REPORT.call_sites[0], lock=MANAGER, wait_ns=1)
    text = text_of(replace(REPORT, call_sites=(deep, *REPORT.call_sites)))
    assert "\x1b" not in text
    assert not any(line != line.rstrip() for line in text.splitlines())
    assert 'vm\\x1b[31m;<b>[bold red]\\x0a"' in text


def test_a_terminal_gets_its_width_and_no_escape_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    out = Terminal()
    summary.write(REPORT, out)
    assert "\x1b[1m" in out.getvalue()
    assert "\x1b[31m;" not in out.getvalue()
    assert "vm\\x1b[31m;<b>[bold red]" in out.getvalue()


def test_no_waits_are_told_in_words_with_the_futex_calls() -> None:
    assert "No thread waited for a lock; 12,345 futex calls seen." in text_of(EMPTY)


def test_only_short_waits_are_told_too() -> None:
    short = replace(MANAGER_TOTAL, waits=3, wait_ns=900_000, long_waits=0, long_wait_ns=0)
    assert "none of them reached 1.0 ms; 12,345 futex calls seen" in text_of(replace(EMPTY, locks=(short,)))


def test_a_loss_is_loud_and_no_loss_is_said() -> None:
    assert "nothing lost" in text_of(REPORT)
    lossy = text_of(replace(REPORT, health=replace(REPORT.health, waits_lost=2, notes=("stack table full",))))
    assert "LOST: 2 waits" in lossy and "nothing lost" not in lossy and "stack table full" in lossy


def test_every_loss_is_told_by_itself() -> None:
    health = replace(REPORT.health, calls_lost=1, runs_skipped=3)
    assert (
        "LOST: 1 call (" in (lossy := text_of(replace(REPORT, health=health))) and "nothing lost" not in lossy
    )
    assert "; 3 skipped runs (" in lossy


def test_incomplete_stacks_are_never_rounded_away() -> None:
    assert "2,000 stacks, 99.95 % complete; incomplete: no unwind row 1" in text_of(REPORT)
    nearly = replace(REPORT.health, stacks=1_000_000, stacks_complete=999_999)
    assert "99.99 % complete" in text_of(replace(REPORT, health=nearly))


def test_top_limits_the_rows_and_counts_the_rest() -> None:
    text = text_of(REPORT, top=1)
    assert "... and 1 more lock with 100.0 ms" in text
    assert "... and 1 more thread" in text
    assert "(rwlock):" not in text


def test_only_chosen_locks_are_in_the_tables() -> None:
    out = io.StringIO()
    summary.write(REPORT, out, chosen=lambda lock: lock in (DOMAIN, POOL))
    assert "SecurityManager (mutex)" not in out.getvalue()
    assert "20 waits for 1 lock," in out.getvalue()


def test_a_deadlock_is_told_in_order_whatever_the_order_given() -> None:
    other = replace(
        BLOCKED, thread=replace(SECOND_THREAD, name="other"), owner=Owner(73, "third"), lock=DOMAIN
    )
    third = replace(BLOCKED, thread=replace(SECOND_THREAD, tid=73, name="third"), owner=Owner(71, "worker"))
    first = replace(BLOCKED, owner=Owner(72, "other"))
    text = text_of(replace(REPORT, deadlocks=((first, third, other),)))
    assert (
        "Deadlock: worker/71 waits for mutex SecurityManager, held by other/72, which waits for mutex vm"
        in text
    )
    assert "held by third/73, which waits for mutex SecurityManager, held by worker/71." in text


def test_acquisitions_say_what_they_are() -> None:
    probe = ProbeState("sampled", 1234, 400, SECOND, "over the budget")
    for estimated, saturated, shown in (
        (False, False, " 5,000 "),
        (True, False, " ~5,000 "),
        (True, True, " >=5,000 "),
    ):
        total = replace(
            MANAGER_TOTAL,
            acquisitions=5000,
            acquisitions_estimated=estimated,
            acquisitions_saturated=saturated,
        )
        text = text_of(replace(REPORT, locks=(total,), info=replace(REPORT.info, mutex_probe=probe)))
        assert "TAKEN" in text and shown in text
        assert (
            "probe was sampled (over the budget): 1,234 hits of 400 ns, 493.6 us in all, within 1.0 s" in text
        )


def test_a_storm_is_named() -> None:
    assert "spinning" not in text_of(REPORT)
    stormy = replace(MANAGER_TOTAL, eagain=100_000)
    assert "100,000 futex calls did not sleep" in text_of(replace(REPORT, locks=(stormy,)))


def test_an_encoding_that_lacks_letters_is_no_error() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    named = replace(MANAGER_TOTAL, lock=replace(MANAGER, name="Größe"))
    summary.write(replace(REPORT, locks=(named,)), out)
    assert b"Gr\\xf6\\xdfe" in raw.getvalue()


def on_terminal(report: Report, columns: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines on a terminal of that width, without their colours."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm-256color")
    out = Terminal()
    summary.write(report, out)
    return [re.sub(r"\x1b\[[\d;]*m", "", line) for line in out.getvalue().splitlines()]


def lines_after(lines: list[str], title: str) -> list[str]:
    """The lines under the one that begins with `title`, up to an empty one."""
    first = next(number for number, line in enumerate(lines) if line.startswith(title))
    return list(itertools.takewhile(bool, lines[first + 1 :]))


def test_a_wide_terminal_has_both_lists_beside_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = lines_after(on_terminal(REPORT, 160, monkeypatch), "SecurityManager (mutex)")
    assert all(len(line) <= 160 for line in lines)
    assert lines[0] == f"{'  waited for at (waits of 1.0 ms or more)':<81}  held up by"
    site, release = lines[1][:79], lines[1][81:]
    assert site.rstrip() == "  100.0 %      8.0 s     150 waits  genLabel (daemon.c:12) <- launch <- create"
    assert release == "   88.9 %      8.0 s          100x  release by worker for create: unlock"
    assert lines[2].strip() == "(daemon.c:12) <- command"
    assert lines[3].strip() == "11.1 %      1.0 s          100x  short releases"


def test_a_narrower_terminal_has_them_below_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = lines_after(on_terminal(REPORT, 159, monkeypatch), "SecurityManager (mutex)")
    assert [line for line in lines if line.startswith("  ") and line[2] != " "] == [
        "  waited for at (waits of 1.0 ms or more)",
        "  held up by",
        "  held by " + 'vm\\x1b[31m;<b>[bold red]\\x0a"/72 100.0 %',
    ]
    assert "    100.0 %      8.0 s     150 waits  genLabel (daemon.c:12) <- launch <- create" in lines


def test_a_deep_stack_beside_another_list_has_three_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = replace(REPORT.call_sites[0], stack=stack_of(*(f"function_{depth}" for depth in range(40))))
    lines = on_terminal(replace(REPORT, call_sites=(deep,)), 200, monkeypatch)
    left = [line[:99].strip() for line in lines_after(lines, "SecurityManager (mutex)")]
    assert "function_0 (daemon.c:12)" in left[1]
    assert left[2].startswith("<- function_")
    assert left[3].endswith(" ...")
    assert left[4].startswith("held by")


def test_a_single_list_has_the_whole_width(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = lines_after(
        on_terminal(replace(REPORT, release_sites=()), 200, monkeypatch), "SecurityManager (mutex)"
    )
    assert lines[1] == "    100.0 %      8.0 s     150 waits  genLabel (daemon.c:12) <- launch <- create"


def test_a_narrow_terminal_leaves_columns_out_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = on_terminal(REPORT, 60, monkeypatch)
    assert all(len(line) <= 60 for line in lines)
    table = lines_after(lines, "Locks, by the time waited for them")
    assert table == [
        "  LOCK                       KIND    WAITS     TOTAL   SHARE",
        "  SecurityManager            mutex     200     9.0 s  98.9 %",
        "  vm\\x1b[31m;<b>[bold red]…  rwlock     20  100.0 ms   1.1 %",
        "  (no room for MEAN, P99, MAX, ADDRESS)",
    ]


def test_no_line_ends_between_a_number_and_its_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    told = "It took 12.3 s, 45.6 % of 1,234 waits, at inner (a.c:12) <- outer <- main."
    for columns in range(20, 80):
        lines = on_terminal(replace(REPORT, verdict=(told,)), columns, monkeypatch)
        verdict = [line.strip() for line in lines_after(lines, "Verdict")]
        assert " ".join(verdict) == told
        assert not any(re.search(r"(\d|<-)$", line.removesuffix("1,234")) for line in verdict)


def test_requests_that_only_their_waits_tell_of() -> None:
    """No call of theirs is seen: its number and latency are not known, and its waits order the rows."""
    unseen = replace(CREATE, calls=0, errors=0, p50_ns=0, p90_ns=0, max_ns=0, total_ns=0, held_up_by=())
    less = replace(unseen, api="destroy", lock_wait_ns=SECOND, cond_wait_ns=0, locks=())
    text = text_of(replace(REPORT, requests=(less, unseen)))
    first, second = (line.split() for line in text.split("API CALL")[1].splitlines()[1:3])
    assert (first[0], second[0]) == ("create", "destroy")
    assert first[1:7] == ["-"] * 6
    assert "create waited 11.0 s for SecurityManager." in text
