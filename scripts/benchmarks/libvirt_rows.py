"""A libvirtd under load, with lockwatch beside it and without."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from libvirt_lab import Lab, Traced, trace_lab
from programs import FOLDER
from rows import Row, at_most, median, spread

PAIRS = 9
CLIENTS = 20
LOADS = {1: ("query", "100"), CLIENTS: ("define", "12")}  # mode and rounds
MICROSECOND = 1000


@dataclass(frozen=True)
class Pair:
    """Median latencies (ns), and of the traced run BPF's ns a call and the probe's share of a CPU (%)."""

    watched: float
    alone: float
    bpf: float
    probe: float
    probe_state: str

    @property
    def slower(self) -> float:
        """Percent."""
        return 100 * (self.watched / self.alone - 1)


def latencies() -> list[Row]:
    """API calls of one client and of many, traced and not, in turns. Latencies have the machine's noise in
    them; BPF time is what the kernel itself counts."""
    single, together = _pairs(1), _pairs(CLIENTS)
    bpf = [pair.bpf / MICROSECOND for pair in single]
    states = {pair.probe_state for pair in together}
    return [
        at_most("libvirtd, 1 client that asks: BPF time a call", median(bpf), 15, "us", spread(bpf)),
        _row("  median latency, up by", single, None),
        _row(f"libvirtd, {CLIENTS} clients that define: median latency, up by", together, 5),
        at_most(
            f"  probe {'/'.join(sorted(states))}: share of a CPU",
            max(pair.probe for pair in together),
            2,
            "%",
        ),
    ]


def _row(what: str, pairs: Sequence[Pair], limit: float | None) -> Row:
    slower = [pair.slower for pair in pairs]
    if limit is not None:
        return at_most(what, median(slower), limit, "%", spread(slower))
    return Row(what, f"{median(slower):.3g} %{spread(slower)}", "", None)


def _pairs(clients: int) -> list[Pair]:
    mode, rounds = LOADS[clients]
    options = ("--mode", mode, "--clients", str(clients), "--rounds", rounds)
    return [_pair(index % 2 == 0, options) for index in range(PAIRS)]


def _pair(watched_first: bool, options: tuple[str, ...]) -> Pair:
    alone = 0.0 if watched_first else _alone(options)
    found = trace_lab(FOLDER, *options)
    return _compared(found, alone or _alone(options))


def _compared(found: Traced, alone: float) -> Pair:
    probe = found.report["mutex_probe"]
    calls = sum(request["calls"] for request in found.report["requests"])
    return Pair(
        watched=_latency(found.clients),
        alone=alone,
        bpf=found.report["health"]["bpf_ns"] / calls,
        probe=100 * probe["hits"] * probe["cost_ns_per_hit"] / found.report["duration_ns"],
        probe_state=probe["state"],
    )


def _alone(options: tuple[str, ...]) -> float:
    with Lab(FOLDER, *options) as lab:
        lab.go()
        return _latency(lab.result())


def _latency(clients: dict[str, Any]) -> float:
    """The median of the calls, by API, weighted with their number."""
    rows = [row for run in clients["runs"] for row in run["apis"].values()]
    return float(sum(row["p50_ns"] * row["calls"] for row in rows) / sum(row["calls"] for row in rows))
