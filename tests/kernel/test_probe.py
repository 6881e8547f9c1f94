"""The pthread_mutex_lock probe on real processes."""

import os
import re
import signal
import statistics
import time
from pathlib import Path

import pytest
from harness import Build, Lockwatch, Program, attached, trace
from probing import BUDGET, compile_probe, events_of, probing, taken, watched

from tracer.config import ProbeMode
from tracer.kernel.windows import WindowEvent, remove_stale
from tracer.probe.clocks import process_cpu_ns
from tracer.probe.site import find_sites

# bcc warns of its own use of text where it wants bytes.
pytestmark = pytest.mark.filterwarnings("ignore:not a bytes object:DeprecationWarning")

CALM, RARE, OFTEN, SWINGING = "400000", "20000", "2000", ("8000", "800000")
WINDOWS = 2000


def until(condition: object, timeout: float = 10) -> bool:
    """Whether the condition, a callable, comes true in time."""
    assert callable(condition)
    end = time.monotonic() + timeout
    while not (met := bool(condition())) and time.monotonic() < end:
        time.sleep(0.01)
    return met


def test_a_full_probe_counts_exactly(build: Build) -> None:
    with Program([build("rate.c"), "2", "4", RARE]) as program:
        with probing(program.pid, ProbeMode.ON) as probe:
            program.go()
            account = program.result()
            state = probe.stop()
            found = probe.acquisitions()
        counts = {lock: found[lock].count for lock in taken(account)}
        assert counts == taken(account)
        assert not any(each.estimated or each.saturated for each in found.values())
        assert (state.state, state.hits) == ("on", sum(each.count for each in found.values()))
        assert state.cost_ns_per_hit > 0
        assert state.on_ns > 2e9


def test_a_rate_within_the_budget_is_counted_exactly(build: Build) -> None:
    with Program([build("rate.c"), "3", "2", CALM]) as program:
        with probing(program.pid, ProbeMode.AUTO, budget=0.1) as probe:
            program.go()
            account = program.result()
            state = probe.stop()
            found = probe.acquisitions()
        assert state.state == "on", state.reason
        assert {lock: found[lock].count for lock in taken(account)} == taken(account)


@pytest.mark.accuracy
def test_an_estimate_of_a_steady_program_is_right(build: Build) -> None:
    errors = []
    for _ in range(3):
        with Program([build("rate.c"), "4", "1", RARE]) as program:
            with probing(program.pid, ProbeMode.AUTO) as probe:
                program.go()
                account = program.result()
                state = probe.stop()
                found = probe.acquisitions()
            assert state.state == "sampled"
            assert all(each.estimated for each in found.values())
            lock, truth = max(taken(account).items(), key=lambda item: item[1])
            errors.append(found[lock].count / truth - 1)
    assert abs(statistics.median(errors)) < 0.1, errors


@pytest.mark.accuracy
def test_a_rate_that_changes_a_hundredfold_every_second(build: Build) -> None:
    with Program([build("rate.c"), "8", "1", *SWINGING]) as program:
        with probing(program.pid, ProbeMode.AUTO) as probe:
            program.go()
            account = program.result()
            cpu = process_cpu_ns(program.pid)
            state = probe.stop()
            found = probe.acquisitions()
        assert state.state == "sampled"
        assert state.hits * state.cost_ns_per_hit <= BUDGET * 1.1 * cpu
        lock, truth = max(taken(account).items(), key=lambda item: item[1])
        assert not found[lock].saturated
        assert found[lock].count == pytest.approx(truth, rel=0.2)


@pytest.mark.accuracy
def test_a_program_that_only_locks_is_a_lower_bound(build: Build) -> None:
    with Program([build("rate.c"), "3", "1", "0"]) as program:
        with probing(program.pid, ProbeMode.AUTO) as probe:
            program.go()
            account = program.result()
            cpu = process_cpu_ns(program.pid)
            state = probe.stop()
            found = probe.acquisitions()
        assert state.hits * state.cost_ns_per_hit <= BUDGET * 1.1 * cpu
        for lock, truth in taken(account).items():
            assert found[lock].saturated
            assert 0 < found[lock].count <= truth


def test_no_other_process_traps(build: Build) -> None:
    program = build("rate.c")
    with (
        Program([program, "2", "1", RARE]) as probed,
        Program([program, "2", "1", RARE]) as other,
        watched(probed.pid) as place,
        watched(other.pid) as elsewhere,
    ):
        with probing(probed.pid, ProbeMode.ON) as probe:
            assert place.trapped
            assert not elsewhere.trapped
            other.go()
            account = other.result()
            assert not elsewhere.trapped
            assert not probe.acquisitions().keys() & taken(account).keys()
        assert not place.trapped
        assert not events_of(os.getpid())


def test_windows_opened_and_closed_thousands_of_times(build: Build) -> None:
    """The target goes on, and nothing stays behind: neither a trap nor an event."""
    module = compile_probe()
    with Program([build("rate.c"), "600", "2", "200"]) as program, watched(program.pid) as place:
        program.go()
        (site,) = find_sites(program.pid)
        event = WindowEvent(site.path, site.offset, module.load("mutex_taken", "KPROBE"))
        for index in range(WINDOWS):
            window = event.open(program.pid)
            if index % 100 == 0:
                assert place.trapped
            os.close(window)
        assert not place.trapped
        event.close()
        os.close(site.fd)
        before = process_cpu_ns(program.pid)
        assert until(lambda: process_cpu_ns(program.pid) > before + 100_000_000)
        assert program.process.poll() is None
        assert not events_of(os.getpid())


@pytest.mark.parametrize(("mode", "work"), [("on", CALM), ("auto", CALM), ("auto", OFTEN), ("off", CALM)])
def test_killed_lockwatch_leaves_nothing(build: Build, mode: str, work: str) -> None:
    with Program([build("rate.c"), "600", "2", work]) as program, watched(program.pid) as place:
        program.go()
        with attached(program.pid, "--mutex-probe", mode, "--quiet") as lockwatch:
            if mode == "on":
                assert place.trapped
            time.sleep(0.5)
            pid = lockwatch.process.pid
            lockwatch.process.send_signal(signal.SIGKILL)
            lockwatch.process.wait(10)
        assert until(lambda: not place.trapped)
        remove_stale()
        assert not events_of(pid)
        assert program.process.poll() is None


def test_the_next_start_removes_what_a_killed_one_left(build: Build) -> None:
    with Program([build("rate.c"), "600", "1", OFTEN]) as program:
        with attached(program.pid, "--quiet") as killed:
            pid = killed.process.pid
            assert events_of(pid)
            killed.process.send_signal(signal.SIGKILL)
            killed.process.wait(10)
        with Lockwatch("attach", "--pid", program.pid, "--mutex-probe", "off", "--quiet") as following:
            following.wait_attached()
            assert not events_of(pid)
            assert following.stop().status == 0


def test_the_report_tells_acquisitions_of_contended_locks(build: Build, tmp_path: Path) -> None:
    with Program([build("contend.c"), "mutex:4:200:2"]) as program:
        result = trace(program, tmp_path, "--mutex-probe", "on")
    assert result.report["mutex_probe"]["state"] == "on"
    sites = result.program["sites"]
    (address,) = {site["address"] for site in sites}
    (lock,) = (lock for lock in result.report["locks"] if int(lock["address"], 16) == address)
    assert lock["acquisitions"] == sum(site["calls"] for site in sites)
    assert not lock["acquisitions_estimated"]
    assert lock["acquisitions"] >= lock["waits"] > 0


def test_a_program_without_the_function_is_traced_without_the_probe(build: Build, tmp_path: Path) -> None:
    """Statically linked, and without a symbol table."""
    with Program([build("rate.c", "-static", "-s"), "1", "2", RARE]) as program:
        result = trace(program, tmp_path)
    assert result.report["mutex_probe"]["state"] == "off"
    assert re.search("no pthread_mutex_lock", result.report["mutex_probe"]["reason"])


def test_a_statically_linked_program_is_counted(build: Build) -> None:
    with Program([build("rate.c", "-static"), "1", "2", RARE]) as program:
        with probing(program.pid, ProbeMode.ON) as probe:
            program.go()
            account = program.result()
            probe.stop()
            found = probe.acquisitions()
        assert {lock: found[lock].count for lock in taken(account)} == taken(account)


def test_a_probe_that_is_over_its_budget_is_told_live(build: Build) -> None:
    with Program([build("rate.c"), "600", "1", OFTEN]) as program:
        program.go()
        with attached(program.pid, "--duration", "1s") as lockwatch:
            outcome = lockwatch.wait()
    assert outcome.status == 0
    assert re.search(r"^\S+  the pthread_mutex_lock probe is sampled: .*2 %", outcome.stdout, re.MULTILINE)


def test_a_budget_of_nothing_is_no_probe(build: Build) -> None:
    with (
        Program([build("rate.c"), "1", "1", RARE]) as program,
        watched(program.pid) as place,
        probing(program.pid, ProbeMode.AUTO, budget=0) as probe,
    ):
        assert not place.trapped
        assert probe.state().state == "off"
        assert "budget" in probe.state().reason


def test_a_target_that_ends_between_two_windows(build: Build) -> None:
    with Program([build("rate.c"), "1", "1", OFTEN]) as program:
        with probing(program.pid, ProbeMode.AUTO) as probe:
            program.go()
            account = program.result()
            program.process.kill()
            program.process.wait(10)
            time.sleep(0.5)
            state = probe.stop()
            found = probe.acquisitions()
        assert state.state == "sampled"
        assert all(found[lock].count > 0 for lock in taken(account))
