"""Per-API latencies as a table and as JSON, and the single calls as CSV."""

import csv
import json
from pathlib import Path
from typing import Any

from clients import Call, Run


def quantile(ordered: list[int], share: float) -> int:
    """Nearest-rank quantile of a sorted list."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def api_row(good: list[Call], failed: list[Call]) -> dict[str, int]:
    """Counts and latencies (ns) over all calls of an API, the failed ones included."""
    ordered = sorted(call.ns for call in good + failed)
    return {
        "calls": len(ordered),
        "errors": len(failed),
        "p50_ns": quantile(ordered, 0.5),
        "p90_ns": quantile(ordered, 0.9),
        "max_ns": ordered[-1],
        "total_ns": sum(ordered),
    }


def as_dict(run: Run) -> dict[str, Any]:
    timings = run.timings
    names = sorted(timings.good.keys() | timings.failed.keys())
    return {
        "clients": run.clients,
        "started_ns": run.started_ns,
        "ended_ns": run.ended_ns,
        "apis": {name: api_row(timings.good.get(name, []), timings.failed.get(name, [])) for name in names},
        "errors": timings.messages,
    }


def write_json(path: Path, runs: list[Run], daemon_pid: int | None) -> None:
    path.write_text(
        json.dumps({"daemon_pid": daemon_pid, "runs": [as_dict(run) for run in runs]}, indent=1) + "\n"
    )


def write_calls(path: Path, runs: list[Run]) -> None:
    """Those that succeeded: when each began (CLOCK_MONOTONIC) and its latency, in ns."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("api", *Call._fields))
        for run in runs:
            for api, calls in run.timings.good.items():
                rows.writerows((api, *call) for call in calls)


def print_table(run: Run) -> None:
    found = as_dict(run)
    seconds = (run.ended_ns - run.started_ns) / 1e9
    print(f"{run.clients} client{'s' if run.clients > 1 else ''}, {seconds:.2f} s")
    print(f"  {'':<26}{'calls':>7}{'failed':>8}{'p50 ms':>11}{'p90 ms':>11}{'max ms':>11}")
    for name, row in found["apis"].items():
        times = "".join(f"{row[key] / 1e6:>11.2f}" for key in ("p50_ns", "p90_ns", "max_ns"))
        print(f"  {name:<26}{row['calls']:>7}{row['errors']:>8}{times}")
    for name, message in found["errors"].items():
        print(f"  {name} failed: {message}")
    print(flush=True)
