"""At threshold 0 every wait has its event: a lock's total is the time that its calls took beyond what they
cost alone."""

from collections.abc import Iterator

import pytest
from harness import Build, Program, Trace, trace
from truth import assert_close, locks_of, sites_of, sum_sites

KINDS = {"mutex": 0.01, "timed": 0.01, "robust": 0.01, "pi": 0.02, "sem": 0.02, "rwlock": 0.02}
PHASES = [f"{kind}:8:{hold}:0.8" for kind in KINDS for hold in (200, 1000)]
CALLS_ALONE = 1000


@pytest.fixture(scope="module")
def traced(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trace]:
    with Program([build("contend.c"), *PHASES]) as program:
        yield trace(program, tmp_path_factory.mktemp("all"), "--threshold", "0", "--mutex-probe", "off")


def waited_ns(found: Trace, phase: str) -> int:
    """By the program's clock, less what as many calls cost without anybody to wait for."""
    sites = [site for site in found.program["sites"] if site["lock"] == phase]
    calls, total_ns = (sum(site[name] for site in sites) for name in ("calls", "total_ns"))
    alone_ns: int = found.program["alone_ns"][phase]
    return int(total_ns - calls * alone_ns // CALLS_ALONE)


@pytest.mark.accuracy
@pytest.mark.parametrize("phase", PHASES)
def test_total(traced: Trace, phase: str) -> None:
    ours = sum(lock["wait_ns"] for lock in locks_of(traced, phase))
    assert_close(ours, waited_ns(traced, phase), KINDS[phase.split(":")[0]], "ns of all waits")


@pytest.mark.parametrize("phase", PHASES)
def test_every_wait_is_long(traced: Trace, phase: str) -> None:
    """Its lock's sums, and the call sites that the events of the waits make up, are the same."""
    locks = locks_of(traced, phase)
    sites = sum_sites(sites_of(traced, {lock["address"] for lock in locks}, "work"))
    waits, long_waits = (sum(lock[name] for lock in locks) for name in ("waits", "long_waits"))
    assert waits == long_waits == sites.waits > 0
    assert sum(lock["wait_ns"] for lock in locks) == sites.wait_ns
