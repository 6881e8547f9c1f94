"""Each bad input: the exit code that says which sort it is, one clear message, no traceback, nothing left."""

import ctypes
import json
import os
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness import (
    LOCKWATCH,
    PATIENCE,
    ROOT,
    Build,
    Lockwatch,
    Outcome,
    Program,
    attached,
    in_mount_namespace,
    run_lockwatch,
)

USAGE, TARGET, PERMISSION, MACHINE, FILE = 2, 3, 4, 5, 6
BPF, BPF_PROG_GET_FD_BY_ID = 321, 13
NOBODY = 65534


@contextmanager
def child(command: Sequence[str | Path]) -> Iterator[int]:
    """The pid of a process that lives as long as the block."""
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL) as process:
        try:
            yield process.pid
        finally:
            process.kill()


@pytest.fixture(scope="module")
def sleeper() -> Iterator[int]:
    with child(["sleep", "300"]) as pid:
        yield pid


def assert_refused(outcome: Outcome, status: int, *words: str) -> None:
    assert outcome.status == status, outcome.said
    assert outcome.stdout == ""
    assert "Traceback" not in outcome.stderr
    assert len(outcome.stderr.splitlines()) <= 4, outcome.said
    for word in words:
        assert word in outcome.stderr


# ---- the command line


@pytest.mark.parametrize(
    "arguments",
    [("--pid",), ("--pid", "--duration", "1s"), ("--pid", "--quiet"), ("--pid", "")],
    ids=lambda arguments: " ".join(arguments),
)
def test_pidof_found_nothing(arguments: tuple[str, ...]) -> None:
    assert_refused(run_lockwatch("attach", *arguments), USAGE, "no pid given: is it running?")


def test_pidof_found_nothing_but_the_split_daemon_runs(tmp_path: Path) -> None:
    daemon = tmp_path / "virtqemud"
    daemon.symlink_to("/bin/sleep")
    with child([daemon, "300"]):
        time.sleep(0.2)
        assert_refused(run_lockwatch("attach", "--pid"), USAGE, "virtqemud")


@pytest.mark.parametrize(
    "option",
    [
        ("--threshold", "soon"),
        ("--threshold", "-1ms"),
        ("--threshold", "1e400s"),
        ("--threshold", ""),
        ("--duration", "5 parsecs"),
        ("--kinds", "mutex,sponge"),
        ("--kinds", ""),
        ("--top", "0"),
        ("--rate", "many"),
        ("--overhead-budget", "lots"),
        ("--mutex-probe", "perhaps"),
        ("--no-such-option",),
        ("--folded", "-", "--json", "-"),
        ("--folded", "/tmp/lockwatch-one-file", "--json", "/tmp/lockwatch-one-file"),
    ],
    ids=" ".join,
)
def test_an_option_that_makes_no_sense(sleeper: int, option: tuple[str, ...]) -> None:
    outcome = run_lockwatch("attach", "--pid", sleeper, *option)
    assert outcome.status == USAGE, outcome.said
    assert "Traceback" not in outcome.stderr
    assert any(word in outcome.stderr for word in option[::2])


@pytest.mark.parametrize("pid", ["zero", "0", "-5", "99999999999999", "12x"])
def test_what_is_no_pid(pid: str) -> None:
    outcome = run_lockwatch("attach", "--pid", pid)
    assert outcome.status == USAGE, outcome.said
    assert "Traceback" not in outcome.stderr


# ---- the target


def test_no_such_process() -> None:
    with child(["true"]) as pid:
        pass
    assert_refused(run_lockwatch("attach", "--pid", pid), TARGET, str(pid))


def test_one_of_several_is_missing(sleeper: int) -> None:
    with child(["true"]) as pid:
        pass
    assert_refused(run_lockwatch("attach", "--pid", f"{sleeper},{pid}"), TARGET, str(pid))


def test_a_zombie() -> None:
    process = subprocess.Popen(["true"])
    try:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert_refused(run_lockwatch("attach", "--pid", process.pid), TARGET, "zombie")
    finally:
        process.wait()


def test_a_kernel_thread() -> None:
    threads = [path for path in Path("/proc").glob("[0-9]*") if is_kernel_thread(path)]
    assert threads, "no kernel thread is visible here"
    assert_refused(run_lockwatch("attach", "--pid", threads[0].name), TARGET, "kernel thread")


def is_kernel_thread(process: Path) -> bool:
    return int((process / "stat").read_text().rsplit(")", 1)[1].split()[6]) & 0x200000 != 0


def test_a_32_bit_process(tmp_path: Path) -> None:
    program = tmp_path / "small"
    program.write_bytes(program_of_32_bits())
    program.chmod(0o755)
    with child([program]) as pid:
        time.sleep(0.2)
        assert_refused(run_lockwatch("attach", "--pid", pid), TARGET, "32-bit")


def program_of_32_bits() -> bytes:
    """An ELF file that calls pause() for ever."""
    code = bytes.fromhex("b81d000000cd80ebf7")
    ident = b"\x7fELF\x01\x01\x01" + bytes(9)
    header = struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, 0x8048054, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    size = 84 + len(code)
    segment = struct.pack("<IIIIIIII", 1, 0, 0x8048000, 0x8048000, size, size, 5, 0x1000)
    return ident + header + segment + code


@pytest.mark.parametrize("delay", [0.05, 0.2, 0.35, 0.5, 0.7])
def test_a_target_that_ends_during_the_attach(build: Build, delay: float) -> None:
    with Program([build("contend.c"), "mutex:4:200:60"]) as program:
        program.go()
        with Lockwatch("attach", "--pid", program.pid, "--quiet") as lockwatch:
            time.sleep(delay)
            program.process.kill()
            program.process.wait()
            outcome = lockwatch.wait()
    assert outcome.status in (0, TARGET), outcome.said
    assert "Traceback" not in outcome.stderr
    assert "internal error" not in outcome.stderr


# ---- privileges and the machine


def test_not_root(sleeper: int) -> None:
    outcome = run_lockwatch("attach", "--pid", sleeper, user=NOBODY, group=NOBODY, extra_groups=[])
    assert_refused(outcome, PERMISSION, "sudo")


def without_bcc(folder: Path) -> dict[str, str]:
    """An environment in which `import bcc` fails as where it is not installed."""
    package = folder / "bcc"
    package.mkdir()
    (package / "__init__.py").write_text("raise ModuleNotFoundError(\"No module named 'bcc'\", name='bcc')\n")
    return {**os.environ, "PYTHONPATH": f"{folder}:{Path(__file__).parents[2]}"}


def test_bcc_is_missing(sleeper: int, tmp_path: Path) -> None:
    outcome = run_lockwatch("attach", "--pid", sleeper, env=without_bcc(tmp_path))
    assert_refused(outcome, MACHINE, "bcc", "install")


def test_tracefs_is_neither_mounted_nor_mountable(sleeper: int) -> None:
    hide = "umount -l /sys/kernel/tracing /sys/kernel/debug 2>/dev/null"
    prefix = (*in_mount_namespace(hide), "setpriv", "--bounding-set=-sys_admin")
    assert_refused(run_lockwatch("attach", "--pid", sleeper, prefix=prefix), MACHINE, "tracefs")


def test_tracefs_is_mounted_where_it_is_not(sleeper: int) -> None:
    hide = "umount -l /sys/kernel/tracing /sys/kernel/debug 2>/dev/null"
    outcome = run_lockwatch(
        "attach", "--pid", sleeper, "--duration", "200ms", prefix=in_mount_namespace(hide)
    )
    assert outcome.status == 0, outcome.said


def test_without_btf(sleeper: int) -> None:
    hide = "mount -t tmpfs none /sys/kernel/btf"
    outcome = run_lockwatch(
        "attach", "--pid", sleeper, "--duration", "200ms", prefix=in_mount_namespace(hide)
    )
    assert outcome.status in (0, MACHINE), outcome.said
    assert "Traceback" not in outcome.stderr
    assert outcome.status == 0 or "BTF" in outcome.stderr


def test_in_a_container_of_its_own(build: Build, tmp_path: Path) -> None:
    """lockwatch in another pid namespace: it sees its neighbours there, or says why it cannot."""
    file = tmp_path / "report.json"
    program = build("contend.c")
    inside = f'DELAY_MS=2500 {program} mutex:4:500:1 >/dev/null & sleep 0.3; exec "$@" --pid $!'
    prefix = ("unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", inside, "sh")
    outcome = run_lockwatch("attach", "--quiet", "--json", file, prefix=prefix)
    assert "Traceback" not in outcome.stderr
    if outcome.status == 0:
        assert '"waits"' in file.read_text()
        assert "no waits" not in outcome.stdout
    else:
        assert outcome.status in (TARGET, MACHINE), outcome.said
        assert "namespace" in outcome.stderr


# ---- files


@pytest.mark.parametrize("option", ["--json", "--folded", "--folded-holders", "--output"])
@pytest.mark.parametrize("path", ["/nowhere/file", "/", "/proc/file"])
def test_an_output_that_cannot_be_written(sleeper: int, option: str, path: str) -> None:
    outcome = run_lockwatch("attach", "--pid", sleeper, "--duration", "1s", option, path)
    assert_refused(outcome, FILE, path)


def test_a_full_disk() -> None:
    with child(["sleep", "300"]) as pid:
        outcome = run_lockwatch("attach", "--pid", pid, "--duration", "200ms", "--json", "/dev/full")
    assert outcome.status == FILE, outcome.said
    assert "Traceback" not in outcome.stderr


def test_a_closed_pipe(build: Build) -> None:
    script = 'exec "$@" | head -n 1'
    with Program([build("contend.c"), "mutex:4:1000:1"]) as program:
        program.go()
        with attached(program.pid, "--duration", "2s", prefix=("sh", "-c", script, "sh")) as lockwatch:
            outcome = lockwatch.wait()
    assert "Traceback" not in outcome.stderr
    assert "internal error" not in outcome.stderr
    assert len(outcome.stdout.splitlines()) <= 1


@pytest.mark.parametrize("live", [(), ("--quiet",)], ids=["live lines", "only the report"])
def test_what_a_closed_pipe_leaves(build: Build, tmp_path: Path, live: tuple[str, ...]) -> None:
    """The files are whole, and it is no failure."""
    files = [tmp_path / name for name in ("json", "folded", "run.lockwatch")]
    options = ["--json", files[0], "--folded", files[1], "--output", files[2], *live]
    reading, writing = os.pipe()
    os.close(reading)
    with Program([build("contend.c"), "mutex:4:1000:20"]) as program:
        program.go()
        command = [*LOCKWATCH, "attach", "--pid", program.pid, "--duration", "1s", *options]
        done = subprocess.run(
            [str(word) for word in command],
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            timeout=PATIENCE,
        )
    os.close(writing)
    assert done.returncode == 0, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert json.loads(files[0].read_text())["call_sites"]
    assert files[1].read_text().splitlines()
    report = run_lockwatch("report", files[2])
    assert report.status == 0 and "cut off" not in report.stdout, report.said


# ---- nothing stays


def program_ids(pid: int) -> set[int]:
    """Ids of the BPF programs that a process has loaded."""
    found = set()
    for file in Path(f"/proc/{pid}/fdinfo").iterdir():
        fields = dict(line.split(":", 1) for line in file.read_text().splitlines() if ":" in line)
        if "prog_id" in fields:
            found.add(int(fields["prog_id"]))
    return found


def is_loaded(program_id: int) -> bool:
    attribute = struct.pack("<II", program_id, 0) + bytes(112)
    fd = ctypes.CDLL(None).syscall(BPF, BPF_PROG_GET_FD_BY_ID, attribute, len(attribute))
    if fd < 0:
        return False
    os.close(fd)
    return True


def gone_within(seconds: float, present: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while present() and time.monotonic() < deadline:
        time.sleep(0.05)
    return not present()


@pytest.mark.parametrize("probe", ["off", "auto", "on"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_stays_attached(build: Build, probe: str, number: signal.Signals) -> None:
    with Program([build("contend.c"), "mutex:4:200:20"]) as program:
        program.go()
        with Lockwatch("attach", "--pid", program.pid, "--quiet", "--mutex-probe", probe) as lockwatch:
            lockwatch.wait_attached()
            time.sleep(0.7)
            loaded = program_ids(lockwatch.process.pid)
            assert loaded
            assert all(map(is_loaded, loaded))
            lockwatch.process.send_signal(number)
            lockwatch.process.wait(PATIENCE)
        assert gone_within(10, lambda: any(map(is_loaded, loaded)))
        assert program.process.poll() is None
