"""A real libvirtd: whose API call waited for what, against its clients' own clocks."""

import os
import signal
import time
from pathlib import Path

import pytest
from harness import PATIENCE, Lockwatch
from libvirt_lab import Lab, Traced, trace_lab

pytestmark = pytest.mark.timeout(600)  # the first lab may have to install libvirt and QEMU

MS = 1_000_000
DEFINE = {"virDomainDefineXML", "virDomainUndefine"}


@pytest.fixture(scope="module")
def defined(tmp_path_factory: pytest.TempPathFactory) -> Traced:
    """Many clients that define and undefine domains, after one alone; three are killed in mid-call."""
    folder = tmp_path_factory.mktemp("define")
    return trace_lab(folder, "--mode", "define", "--clients", "1,20", "--rounds", "25", attach=("--sched",))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Traced:
    """One client that creates QEMU guests, one after the other."""
    return trace_lab(tmp_path_factory.mktemp("alone"), "--mode", "full", "--clients", "1", "--rounds", "9")


@pytest.fixture(scope="module")
def created(tmp_path_factory: pytest.TempPathFactory) -> Traced:
    """A few clients that create QEMU guests."""
    folder = tmp_path_factory.mktemp("create")
    return trace_lab(folder, "--mode", "full", "--clients", "6", "--rounds", "2")


@pytest.fixture(scope="module", params=["unix", "tcp", "tls"])
def throttled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Traced:
    """One connection for all, of whose calls the server takes two at a time."""
    folder = tmp_path_factory.mktemp("throttled")
    limits = ("--max-workers", "20", "--max-client-requests", "2", "--shared-connection")
    return trace_lab(
        folder, "--mode", "full", "--clients", "8", "--rounds", "1", *limits, "--transport", request.param
    )


@pytest.fixture(scope="module")
def queued(tmp_path_factory: pytest.TempPathFactory) -> Traced:
    """More clients than workers."""
    folder = tmp_path_factory.mktemp("queued")
    return trace_lab(folder, "--mode", "full", "--clients", "8", "--rounds", "1", "--max-workers", "2")


def test_every_call_is_matched(defined: Traced) -> None:
    for api in DEFINE:
        assert defined.requests[api]["calls"] == defined.of_clients(api, "calls")
        assert defined.requests[api]["errors"] == 0


def test_guests_calls_are_matched(created: Traced) -> None:
    assert created.apis == DEFINE | {"virDomainCreateWithFlags", "virDomainGetInfo", "virDomainDestroy"}
    for api in created.apis:
        assert created.requests[api]["calls"] == created.of_clients(api, "calls")


@pytest.mark.accuracy
def test_latencies_are_the_clients_own(alone: Traced) -> None:
    """Medians within 5 % or 1 ms. A client's clock also counts until the server reads, of which the mean is
    known, and until its own thread runs again.
    """
    (run,) = alone.clients["runs"]
    for api, own in run["apis"].items():
        request = alone.requests[api]
        found = request["latency_ns"]["p50"] + request["throttled_ns"] // request["calls"]
        assert abs(found - own["p50_ns"]) <= max(0.05 * own["p50_ns"], MS), f"{api}: {found}, {own['p50_ns']}"


def test_parts_add_up(defined: Traced, created: Traced) -> None:
    for request in (*defined.report["requests"], *created.report["requests"]):
        parts = ("queued_ns", "lock_wait_ns", "cond_wait_ns", "other_ns")
        assert sum(request[part] for part in parts) == request["latency_ns"]["total"]
        assert all(request[part] >= 0 for part in parts)


def test_scheduler_data_split_the_rest(defined: Traced, created: Traced) -> None:
    for request in defined.report["requests"]:
        split = request["cpu_ns"] + request["runqueue_ns"] + request["blocked_ns"]
        assert split == request["other_ns"]
    assert defined.requests["virDomainDefineXML"]["cpu_ns"] > 0
    assert (
        "cpu_ns" not in created.requests["virDomainDefineXML"] or not created.report["requests"][0]["cpu_ns"]
    )


def test_names_outlive_the_daemon(created: Traced) -> None:
    """It has ended, and its memory is gone, before the report asks what its locks are."""
    contended = [lock for lock in created.report["locks"] if lock["contention"]]
    unnamed = [lock for lock in contended if "first waited for in" in lock["name"]]
    assert 'virThreadPool "rpc-libvirtd" cond' in {lock["name"] for lock in created.report["locks"]}
    assert sum(lock["wait_ns"] for lock in unnamed) <= 0.01 * sum(lock["wait_ns"] for lock in contended)


def test_creation_waits_for_the_security_manager_held_by_creation(created: Traced) -> None:
    """libvirt holds it across fork and exec of QEMU: guests are started one after the other."""
    create = created.requests["virDomainCreateWithFlags"]
    assert create["locks"][0]["identity"] == "virSecurityManager"
    assert create["locks"][0]["calls"] >= 2
    assert create["held_up_by"][0]["api"] == "virDomainCreateWithFlags"
    assert create["held_up_by"][0]["lock"] == create["locks"][0]["lock"]
    assert create["held_up_by"][0]["wait_ns"] > 0.5 * create["locks"][0]["wait_ns"]
    assert "virSecurityManager" in created.verdict


def test_creation_waits_for_the_monitor_on_conditions(created: Traced) -> None:
    create = created.requests["virDomainCreateWithFlags"]
    assert create["cond_wait_ns"] > 0.3 * create["latency_ns"]["total"]
    classes = {lock["class"] for lock in created.report["locks"] if lock["kind"] == "cond"}
    assert "qemuMonitor" in classes


def test_stacks_are_complete(defined: Traced, created: Traced) -> None:
    for health in (defined.report["health"], created.report["health"]):
        assert health["stacks_complete"] >= 0.999 * health["stacks"] > 0
        assert health["waits_lost"] == health["stacks_lost"] == health["events_lost"] == 0


@pytest.mark.accuracy
def test_throttled_calls_wait_before_they_are_read(throttled: Traced) -> None:
    waits = throttled.total("lock_wait_ns") + throttled.total("queued_ns")
    assert throttled.total("throttled_ns") > 5 * waits
    latency = sum(throttled.requests[api]["latency_ns"]["total"] for api in throttled.apis)
    own = sum(throttled.of_clients(api, "total_ns") for api in throttled.apis)
    assert abs(latency + throttled.total("throttled_ns") - own) < 0.10 * own


def test_throttling_is_no_lock_and_names_its_setting(throttled: Traced) -> None:
    assert "max_client_requests" in throttled.verdict
    assert "virSecurityManager" not in throttled.report["verdict"][0]


def test_waiting_for_a_worker_is_no_lock_and_names_its_setting(queued: Traced) -> None:
    assert queued.total("queued_ns") > 5 * queued.total("lock_wait_ns")
    assert queued.total("queued_ns") > 5 * queued.total("throttled_ns")
    assert "max_workers" in queued.verdict


def test_jobs_of_one_domain_are_contention(tmp_path: Path) -> None:
    """A domain changes one job at a time; the calls that fail, since another was faster, are counted."""
    traced = trace_lab(tmp_path, "--mode", "jobs", "--clients", "6", "--rounds", "500")
    jobs = [lock for lock in traced.report["locks"] if lock["kind"] == "job"]
    assert len(jobs) == 1
    assert jobs[0]["contention"]
    assert (jobs[0]["name"], jobs[0]["identity"]) == ('virDomainObj "lab-shared" job', "virDomainObj job")
    for api in ("virDomainResume", "virDomainSuspend"):
        assert jobs[0]["identity"] in {lock["identity"] for lock in traced.requests[api]["locks"]}
        assert traced.requests[api]["errors"] == traced.of_clients(api, "errors")


def test_killed_clients_calls_are_matched(tmp_path: Path) -> None:
    """Their calls end too: what the server has begun it answers, though nobody listens."""
    traced = trace_lab(tmp_path, "--mode", "define", "--clients", "4", "--rounds", "25", "--kill-clients")
    for api in DEFINE:
        assert traced.requests[api]["calls"] > traced.of_clients(api, "calls")
    opened, closed = traced.requests["virConnectOpen"], traced.requests["virConnectClose"]
    assert opened["calls"] == closed["calls"] + 3


def test_daemon_in_a_pid_namespace_of_its_own(tmp_path: Path) -> None:
    """Locks hold the daemon's own thread ids: owners, and so their calls, are found all the same."""
    traced = trace_lab(tmp_path, "--mode", "full", "--clients", "4", "--rounds", "1", "--own-pid-namespace")
    for api in traced.apis:
        assert traced.requests[api]["calls"] == traced.of_clients(api, "calls")
    create = traced.requests["virDomainCreateWithFlags"]
    assert create["held_up_by"][0]["api"] == "virDomainCreateWithFlags"
    assert create["locks"][0]["identity"] == "virSecurityManager"


def test_requests_by_a_pattern_of_functions(tmp_path: Path) -> None:
    traced = trace_lab(
        tmp_path,
        *("--mode", "full", "--clients", "4", "--rounds", "1"),
        attach=("--requests", "virDomain*,virConnect*", "--kinds", "all"),
    )
    create = traced.requests["virDomainCreateWithFlags"]
    assert create["calls"] == 0
    assert create["lock_wait_ns"] > 0
    assert create["cond_wait_ns"] > 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_daemon_that_ends_during_the_trace(tmp_path: Path, number: int) -> None:
    """Restarted or killed: the report comes by itself."""
    with Lab(tmp_path, "--mode", "define", "--clients", "4", "--rounds", "100000") as lab:
        file = tmp_path / "report.json"
        with Lockwatch("attach", "--pid", lab.pid, "--json", file, "--quiet") as lockwatch:
            lockwatch.wait_attached()
            lab.go()
            time.sleep(1)
            os.kill(lab.pid, number)
            outcome = lockwatch.wait()
    assert outcome.status == 0, outcome.said
    assert "virDomainDefineXML" in outcome.stdout


def test_no_api_calls_where_they_are_off(tmp_path: Path) -> None:
    options = ("--mode", "define", "--clients", "2", "--rounds", "5")
    traced = trace_lab(tmp_path, *options, attach=("--requests", "off"))
    assert traced.report["requests"] is None


def test_libvirts_calls_of_another_program_are_refused() -> None:
    with Lockwatch("attach", "--pid", os.getpid(), "--requests", "libvirt") as lockwatch:
        outcome = lockwatch.wait()
    assert outcome.status == 3
    assert "no daemon of libvirt" in outcome.stderr


def test_scheduler_data_without_calls_are_refused() -> None:
    with Lockwatch("attach", "--pid", os.getpid(), "--sched") as lockwatch:
        assert lockwatch.wait().status == 2


def test_the_lab_leaves_nothing_behind(tmp_path: Path) -> None:
    others = set(Path("/tmp").glob("libvirt-lab-*"))
    with Lab(tmp_path, "--mode", "full", "--clients", "2", "--rounds", "100") as lab:
        lab.go()
        time.sleep(1)
        lab.process.send_signal(signal.SIGINT)
        lab.process.send_signal(signal.SIGINT)
        assert lab.process.wait(PATIENCE) == 128 + signal.SIGINT
        assert not Path(f"/proc/{lab.pid}").exists()
    assert set(Path("/tmp").glob("libvirt-lab-*")) <= others
    guests = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [line for line in guests if b"guest=lab-" in line]
