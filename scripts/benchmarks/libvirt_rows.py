"""A libvirtd under load, with lockwatch beside it and without."""

from typing import Any

from libvirt_lab import Lab, trace_lab
from programs import FOLDER
from rows import Row, at_most, median, spread

PAIRS = 5
CLIENTS = "20"
ROUNDS = "25"
SINGLE_ROUNDS = "100"
MICROSECOND = 1000


def latencies() -> list[Row]:
    """Median latency of API calls at 20 clients and at one, in interleaved pairs."""
    together = _pairs("--clients", CLIENTS, "--rounds", ROUNDS)
    single = _pairs("--clients", "1", "--rounds", SINGLE_ROUNDS)
    slower = [100 * (watched / alone - 1) for watched, alone, _ in together]
    added = [(watched - alone) / MICROSECOND for watched, alone, _ in single]
    costs = [cost for _, _, cost in together]
    states = {state for _, _, (_, state) in together}
    return [
        at_most(
            "libvirtd, 20 clients that define: median latency, up by", median(slower), 5, "%", spread(slower)
        ),
        at_most("libvirtd, 1 client: median latency, up by", median(added), 15, "us", spread(added)),
        at_most(
            f"  probe {'/'.join(sorted(states))}: share of a CPU", max(cost for cost, _ in costs), 2, "%"
        ),
    ]


def _pairs(*options: str) -> list[tuple[float, float, tuple[float, str]]]:
    """(latency watched, latency alone in ns, (cost of the probe in percent, its state)) of each pair."""
    return [(*_both(index % 2 == 0, options),) for index in range(PAIRS)]


def _both(watched_first: bool, options: tuple[str, ...]) -> tuple[float, float, tuple[float, str]]:
    if watched_first:
        watched, cost = _watched(options)
        return watched, _alone(options), cost
    alone = _alone(options)
    watched, cost = _watched(options)
    return watched, alone, cost


def _watched(options: tuple[str, ...]) -> tuple[float, tuple[float, str]]:
    found = trace_lab(FOLDER, "--mode", "define", *options)
    state = found.report["mutex_probe"]
    cost = 100 * state["hits"] * state["cost_ns_per_hit"] / found.report["duration_ns"]
    return _latency(found.clients), (cost, state["state"])


def _alone(options: tuple[str, ...]) -> float:
    with Lab(FOLDER, "--mode", "define", *options) as lab:
        lab.go()
        return _latency(lab.result())


def _latency(clients: dict[str, Any]) -> float:
    """The median of the calls, by API, weighted with their number."""
    rows = [row for run in clients["runs"] for row in run["apis"].values()]
    return float(sum(row["p50_ns"] * row["calls"] for row in rows) / sum(row["calls"] for row in rows))
