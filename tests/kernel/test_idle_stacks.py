"""Stacks of idle waits that no view shows are not taken, and nothing else changes."""

from pathlib import Path

import pytest
from harness import Build, Program, Trace, trace
from truth import assert_close, locks_of, of_program, sites_of, sum_locks, sum_sites

SECONDS = "2"
THRESHOLD = ("--threshold", "100us")
NAMES = ("idle", "deep job", "job")


@pytest.fixture(scope="module")
def spared(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Trace:
    with Program([build("idle.c"), SECONDS]) as program:
        return trace(program, tmp_path_factory.mktemp("spared"), *THRESHOLD)


def addresses(traced: Trace) -> set[str]:
    return {entry["address"] for entry in locks_of(traced, "idle")}


def stacks_taken(traced: Trace) -> int:
    return int(traced.report["health"]["stacks"])


def test_most_idle_waits_and_signals_need_no_stack(spared: Trace) -> None:
    """Without sparing, each of these waits and the signal that ends it has one."""
    of_jobs = of_program(spared, "job").waits + of_program(spared, "deep job").waits
    assert stacks_taken(spared) - 2 * of_jobs < of_program(spared, "idle").waits


@pytest.mark.accuracy
def test_all_waits_are_counted(spared: Trace) -> None:
    own = [of_program(spared, name) for name in NAMES]
    found = sum_locks(locks_of(spared, "idle"))
    assert_close(found.waits, sum(each.waits for each in own), 0.02, "waits", slack=2)


def test_idle_waits_have_no_call_sites(spared: Trace) -> None:
    assert not [site for site in spared.report["call_sites"] if site["kind"] == "cond"]


@pytest.mark.accuracy
def test_another_kind_of_wait_on_the_same_word_is_seen_at_once(spared: Trace) -> None:
    own = of_program(spared, "deep job")
    found = sum_sites(sites_of(spared, addresses(spared), "virDomainObjBeginDeepJob"))
    assert_close(found.waits, own.waits, 0.02, "waits", slack=2)


def test_one_that_stands_in_the_same_place_is_seen_in_a_while(spared: Trace) -> None:
    sites = sites_of(spared, addresses(spared), "qemuDomainObjBeginJob")
    assert sum_sites(sites).waits > 0
    assert {site["kind"] for site in sites} == {"job"}


def traced_idly(build: Build, folder: Path, *options: str | Path) -> Trace:
    with Program([build("idle.c"), "0.3"]) as program:
        return trace(program, folder, *THRESHOLD, *options)


@pytest.mark.parametrize(
    "options",
    [("--kinds", "all"), ("--requests", "wait_*"), ("--group-by", "site")],
    ids=["all kinds", "a pattern", "by site"],
)
def test_whoever_shows_idle_waits_has_their_stacks(
    build: Build, tmp_path: Path, options: tuple[str, ...]
) -> None:
    traced = traced_idly(build, tmp_path, *options)
    own = sum(of_program(traced, name).waits for name in NAMES)
    assert stacks_taken(traced) >= own


def test_a_recording_has_each_idle_wait(build: Build, tmp_path: Path) -> None:
    traced = traced_idly(build, tmp_path, "--output", tmp_path / "run.lockwatch")
    assert stacks_taken(traced) >= sum(of_program(traced, name).waits for name in NAMES)
