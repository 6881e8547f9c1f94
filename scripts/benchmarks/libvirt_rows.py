"""A libvirtd under a steady load, which lockwatch comes to and leaves, again and again."""

import csv
import json
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import mean
from typing import Any, NamedTuple

from harness import attached
from libvirt_lab import Lab
from programs import FOLDER
from rows import Row, at_most, median, spread
from scatter import middle

from tracer.probe.clocks import process_cpu_ns

CLIENTS = 20
LOAD_SECONDS = 240
SLICE = 2.0  # seconds of one look at the latencies
SETTLED = 1.5  # seconds after which a trace that began, or ended, no longer disturbs
ROUND_SECONDS = 20  # that a round takes at most
MICROSECOND = 1e3


class Call(NamedTuple):
    started_ns: int
    ns: int
    api: str


@dataclass(frozen=True)
class Slice:
    """CLOCK_MONOTONIC."""

    started_ns: int
    ended_ns: int

    def medians(self, calls: list[Call]) -> dict[str, float]:
        """Latencies (ns) by API, of the calls that lie in it. `calls` are in the order of their beginning."""
        latencies: dict[str, list[int]] = defaultdict(list)
        first, last = (bisect_left(calls, (at,)) for at in (self.started_ns, self.ended_ns))
        for call in calls[first:last]:
            if call.started_ns + call.ns <= self.ended_ns:
                latencies[call.api].append(call.ns)
        return {api: median(values) for api, values in latencies.items()}


@dataclass(frozen=True)
class Round:
    """A trace, what lies around it, its report, and the daemon's CPU time meanwhile (ns)."""

    before: Slice
    during: Slice
    after: Slice
    report: dict[str, Any]
    cpu_ns: int

    def latencies(self, calls: list[Call]) -> tuple[float, float]:
        """(not traced, traced): the mean over the APIs of their median latencies, in ns."""
        before, during, after = (part.medians(calls) for part in (self.before, self.during, self.after))
        apis = before.keys() & during.keys() & after.keys()
        untraced = mean((before[api] + after[api]) / 2 for api in apis)
        return untraced, mean(during[api] for api in apis)

    @property
    def bpf_ns(self) -> float:
        """A call."""
        return float(self.report["health"]["bpf_ns"]) / sum(row["calls"] for row in self.report["requests"])

    @property
    def probe_share(self) -> float:
        """Percent of the CPU time that the daemon used."""
        probe = self.report["mutex_probe"]
        return float(100 * probe["hits"] * probe["cost_ns_per_hit"] / self.cpu_ns)


def latencies() -> Iterator[Row]:
    """API calls of one client and of many."""
    rounds, calls = _rounds("query", 1)
    pairs = [each.latencies(calls) for each in rounds]
    slower = middle([(traced - untraced) / MICROSECOND for untraced, traced in pairs])
    bpf = [each.bpf_ns / MICROSECOND for each in rounds]
    yield at_most("libvirtd, 1 client that asks: slower a call by", slower.median, 15, "us", str(slower))
    yield Row("  of a latency of", f"{median([pair[0] for pair in pairs]) / MICROSECOND:.4g} us", "", None)
    yield Row("  BPF time a call", f"{median(bpf):.3g} us{spread(bpf)}", "", None)
    yield _probe(rounds)
    rounds, calls = _rounds("define", CLIENTS)
    pairs = [each.latencies(calls) for each in rounds]
    longer = middle([100 * (traced / untraced - 1) for untraced, traced in pairs])
    what = f"libvirtd, {CLIENTS} clients that define: median latency, up by"
    yield at_most(what, longer.median, 5, "%", str(longer))
    yield _probe(rounds)


def _probe(rounds: list[Round]) -> Row:
    states = "/".join(sorted({each.report["mutex_probe"]["state"] for each in rounds}))
    shares = [each.probe_share for each in rounds]
    return at_most(f"  probe {states}: of libvirtd's CPU time", median(shares), 2, "%", spread(shares))


def _rounds(mode: str, clients: int) -> tuple[list[Round], list[Call]]:
    file = FOLDER / "calls.csv"
    load = ("--mode", mode, "--clients", clients, "--rounds", 10**9, "--seconds", LOAD_SECONDS)
    with Lab(FOLDER, *load, "--calls", file) as lab:
        ends = time.monotonic() + LOAD_SECONDS
        lab.go()
        time.sleep(SETTLED)
        rounds = [_round(lab.pid, _slice())]
        while time.monotonic() < ends - ROUND_SECONDS:
            rounds.append(_round(lab.pid, rounds[-1].after))
        lab.result()
    with file.open(newline="") as text:
        calls = [Call(int(started), int(ns), api) for api, started, ns in list(csv.reader(text))[1:]]
    return rounds, sorted(calls)


def _round(pid: int, before: Slice) -> Round:
    cpu_ns = process_cpu_ns(pid)
    file = FOLDER / "traced.json"
    with attached(pid, "--json", file, "--quiet") as lockwatch:
        time.sleep(SETTLED)
        during = _slice()
        assert lockwatch.stop().status == 0
    cpu_ns = process_cpu_ns(pid) - cpu_ns
    time.sleep(SETTLED)
    return Round(before, during, _slice(), json.loads(file.read_text()), cpu_ns)


def _slice() -> Slice:
    started = time.monotonic_ns()
    time.sleep(SLICE)
    return Slice(started, time.monotonic_ns())
