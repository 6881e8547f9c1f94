"""What a trace costs: to begin with, the target, and itself."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from harness import Program, attached
from libvirt_lab import Lab
from pace import Pace, kept, per_cpu_time, per_time
from programs import FOLDER, built, traced
from rows import Row, at_least, at_most, median, spread

from tracer.probe.clocks import process_cpu_ns

RUNS = 5
ROUNDS = 30
LOUD = 4  # processes that wait 10,000 times a second together
PROBE_OFF = ("--mutex-probe", "off")
CONTENDED = ("steady.c", "8", "200", "0")
ALONE = ("steady.c", "1", "0", "20000")
ONLY_LOCKS = ("steady.c", "1", "0", "0")
LOADS: tuple[tuple[str, float, Pace, tuple[str, ...], tuple[str, ...]], ...] = (
    ("contended (8 threads, 200 us holds)", 98, per_time, CONTENDED, ()),
    ("never contends, probe off", 99, per_cpu_time, ALONE, PROBE_OFF),
    ("never contends, probe auto", 99, per_cpu_time, ALONE, ()),
    ("only locks and unlocks, probe off", 99, per_cpu_time, ONLY_LOCKS, PROBE_OFF),
    ("only locks and unlocks, probe auto", 97, per_cpu_time, ONLY_LOCKS, ()),
)
ENOUGH = 10_000  # long waits a second
LOADED_SECONDS = 5
LOSSES = ("waits_lost", "stacks_lost", "events_lost", "calls_lost", "runs_skipped")
SECOND = 1e9
MEGABYTE = 1e6


def attaching() -> list[Row]:
    """From exec to the last hook on: a small program, and a libvirtd."""
    small = [traced("rate.c", "1", "1", "400000").report["health"]["attach_ns"] / SECOND for _ in range(RUNS)]
    with Lab(FOLDER, "--mode", "query", "--clients", 1, "--rounds", 1) as lab:
        large = [_attach_seconds(lab.pid) for _ in range(RUNS)]
    return [
        at_most("attached to a small program", median(small), 0.8, "s", spread(small)),
        at_most("attached to libvirtd", median(large), 1.2, "s", spread(large)),
    ]


def _attach_seconds(pid: int) -> float:
    file = FOLDER / "attached.json"
    with attached(pid, "--json", file, "--quiet") as lockwatch:
        assert lockwatch.stop().status == 0
    return float(_report(file)["health"]["attach_ns"]) / SECOND


def reporting() -> list[Row]:
    """From Ctrl-C to the end of the report, with the names of a busy libvirtd's locks, and to the prompt:
    in between the kernel lets go of what was attached."""
    shown, ended = zip(*(_report_seconds() for _ in range(RUNS)), strict=True)
    return [
        at_most("report on libvirtd, 20 clients: on the screen", median(shown), 1, "s", spread(shown)),
        Row("  lockwatch has ended", f"{median(ended):.3g} s{spread(ended)}", "", None),
    ]


def _report_seconds() -> tuple[float, float]:
    options = ("--kinds", "all", "--json", FOLDER / "reported.json", "--quiet")
    with (
        Lab(FOLDER, "--mode", "define", "--clients", 20, "--rounds", 1000) as lab,
        attached(lab.pid, *options) as lockwatch,
    ):
        lab.go()
        time.sleep(LOADED_SECONDS)
        stopped = time.monotonic()
        lockwatch.process.send_signal(signal.SIGINT)
        assert lockwatch.stdout.until("Health") is not None
        shown = time.monotonic() - stopped
        assert lockwatch.wait().status == 0
        return shown, time.monotonic() - stopped


def throughput() -> Iterator[Row]:
    """Of programs, beside their own pace; and what such a comparison says where nothing is traced."""
    for pace, command in ((per_time, CONTENDED), (per_cpu_time, ALONE), (per_cpu_time, ONLY_LOCKS)):
        noise = kept(command, pace, None, ROUNDS)
        yield Row(f"pace kept by {' '.join(command)}, not traced", f"{noise.median:.4g} %{noise}", "", None)
    for what, limit, pace, command, options in LOADS:
        part = kept(command, pace, options, ROUNDS)
        yield at_least(f"throughput kept, {what}", part.median, limit, "%", str(part))


def frontend() -> list[Row]:
    """10,000 long waits a second."""
    return _loud(8)


def flatness() -> list[Row]:
    """The same for ten minutes: memory at the end against that of a minute."""
    short, long = _loud(60), _loud(600)
    return [*long, Row("  memory after 1 minute", short[2].measured, "flat", None)]


def _loud(seconds: int) -> list[Row]:
    """Some processes that together have a long wait every 100 us."""
    command: list[str | Path] = [built("contend.c"), f"mutex:6:100:{seconds}"]
    file = FOLDER / "loud.json"
    with ExitStack() as stack:
        programs = [stack.enter_context(Program(command)) for _ in range(LOUD)]
        pids = ",".join(str(program.pid) for program in programs)
        lockwatch = stack.enter_context(attached(pids, "--json", file, "--quiet", "--threshold", "50us"))
        start_ns = process_cpu_ns(lockwatch.process.pid)
        for program in programs:
            program.go()
        for program in programs:
            program.lines.next(seconds + 60)
        assert lockwatch.stop().status == 0
    report = _report(file)
    health, duration = report["health"], report["duration_ns"]
    waits = sum(lock["long_waits"] for lock in report["locks"])
    rate = waits / duration * SECOND
    cpu = 100 * (health["frontend_cpu_ns"] - start_ns) / duration * ENOUGH / rate
    lost = sum(health[name] for name in LOSSES)
    return [
        at_least(f"long waits a second for {seconds} s", rate, ENOUGH, "/s"),
        at_most(f"  CPU of the frontend, for {ENOUGH:,}", cpu, 10, "%"),
        at_most("  memory of the frontend", health["frontend_rss_bytes"] / MEGABYTE, 200, "MB"),
        at_most("  lost", lost, 0, ""),
        Row("  CPU of its start", f"{start_ns / SECOND:.3g} s", "", None),
        Row("  BPF time, of one CPU", f"{100 * health['bpf_ns'] / duration:.3g} %", "", None),
    ]


def _report(file: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(file.read_text())
    return loaded
