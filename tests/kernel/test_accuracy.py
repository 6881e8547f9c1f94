"""Number and time of waits by 8 and 16 threads with holds of 20, 200 and 1000 us, kind after kind.

Without the mutex probe: its trap lies before the wait, and so in the program's time alone.
"""

from collections.abc import Iterator

import pytest
from harness import Build, Program, Trace, trace
from truth import assert_close, locks_of, of_program, sites_of, sum_locks, sum_sites

KINDS = ("mutex", "timed", "robust", "pi", "sem", "rwlock")
PHASES = [
    *(f"{kind}:{threads}:{hold}:1" for kind in KINDS for threads in (8, 16) for hold in (200, 1000)),
    *(f"{kind}:{threads}:20:0.5" for kind in KINDS if kind != "rwlock" for threads in (8, 16)),
    "rwlock:8:20:1",
    "reader:4:500:2",
]


@pytest.fixture(scope="module")
def traced(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trace]:
    with Program([build("contend.c"), *PHASES]) as program:
        yield trace(
            program, tmp_path_factory.mktemp("accuracy"), "--threshold", "100us", "--mutex-probe", "off"
        )


def tolerance(phase: str) -> float:
    return 0.01 if phase.split(":")[0] in ("mutex", "timed", "robust") else 0.02


@pytest.mark.accuracy
@pytest.mark.parametrize("phase", PHASES)
def test_lock(traced: Trace, phase: str) -> None:
    own, found = of_program(traced, phase), sum_locks(locks_of(traced, phase))
    assert_close(found.waits, own.waits, tolerance(phase), "waits", slack=2)
    assert_close(found.wait_ns, own.wait_ns, tolerance(phase), "ns")


@pytest.mark.accuracy
@pytest.mark.parametrize("phase", PHASES)
def test_call_sites(traced: Trace, phase: str) -> None:
    addresses = {entry["address"] for entry in locks_of(traced, phase)}
    for function in ("take_odd", "take_even"):
        own, found = of_program(traced, phase, function), sum_sites(sites_of(traced, addresses, function))
        assert_close(found.waits, own.waits, 0.02, f"{function}: waits", slack=2)
        assert_close(found.wait_ns, own.wait_ns, 0.02, f"{function}: ns")


def test_nothing_is_lost(traced: Trace) -> None:
    health = traced.report["health"]
    assert [health[name] for name in ("waits_lost", "stacks_lost", "events_lost")] == [0, 0, 0]
