import pytest

from tracer.naming.jobs import SETTLED_NS, Jobs

JOB, OTHER = 0x7F0000001000, 0x7F0000002000


class Daemon:
    """Domains that come and go, and the time."""

    def __init__(self) -> None:
        self.now = 1
        self.owners: dict[int, str] = {}
        self.jobs = Jobs(lambda: dict(self.owners), lambda: self.now)

    def pass_time(self) -> None:
        self.now += SETTLED_NS


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


def test_a_job_that_is_waited_for_now(daemon: Daemon) -> None:
    daemon.owners[JOB] = "vm-1"
    daemon.jobs.waited_for_now(JOB)
    daemon.owners.clear()
    assert daemon.jobs.domains(JOB) == ("vm-1",)
    assert daemon.jobs.domains(OTHER) == ()


def test_a_job_that_a_domain_had_before_and_has_now(daemon: Daemon) -> None:
    daemon.owners[JOB] = "vm-1"
    daemon.jobs.look()
    daemon.pass_time()
    assert daemon.jobs.domains(JOB) == ("vm-1",)


def test_what_was_seen_just_now_tells_nothing_of_the_past(daemon: Daemon) -> None:
    daemon.owners[JOB] = "vm-1"
    daemon.jobs.look()
    assert daemon.jobs.domains(JOB) == ()


def test_a_job_that_passed_to_another_domain(daemon: Daemon) -> None:
    daemon.owners[JOB] = "vm-1"
    daemon.jobs.look()
    daemon.pass_time()
    daemon.owners[JOB] = "vm-2"
    assert daemon.jobs.domains(JOB) == ()


def test_a_place_that_was_two_domains(daemon: Daemon) -> None:
    for name in ("vm-1", "vm-2", "vm-1"):
        daemon.owners[JOB] = name
        daemon.jobs.waited_for_now(JOB)
    assert daemon.jobs.domains(JOB) == ("vm-1", "vm-2")


def test_a_thread_that_woke_meanwhile_tells_nothing(daemon: Daemon) -> None:
    daemon.owners[JOB] = "vm-1"
    daemon.jobs.waited_for_now(JOB, lambda: False)
    assert daemon.jobs.domains(JOB) == ()
