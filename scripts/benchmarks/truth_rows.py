"""How right a trace is, against what the programs say of themselves."""

from harness import Program
from probing import probing, taken
from programs import built, traced
from rows import Row, at_most
from truth import has_function, locks_of, of_program, sum_locks

from tracer.config import ProbeMode
from tracer.probe.clocks import process_cpu_ns

THRESHOLD = "100us"
KINDS = {"mutex": 1.0, "timed": 1.0, "robust": 1.0, "pi": 2.0, "sem": 2.0, "rwlock": 2.0}
LOADS = ((8, 20), (8, 200), (8, 1000), (16, 200), (16, 1000))
RELEASES = {"release_short": "caused_by_short_ns", "release_long": "caused_by_long_ns"}
PROBED_SECONDS = "10"
PROBED = {
    "a steady program": (PROBED_SECONDS, "1", "20000"),
    "a rate that changes a hundredfold": (PROBED_SECONDS, "1", "4000", "400000"),
    "nothing but locks": (PROBED_SECONDS, "1", "0"),
}
BUDGET_PERCENT = 2


def waits() -> list[Row]:
    """Number and time of long waits, per kind: the worst of the loads. The mutex probe traps before the wait,
    and so within the program's time alone."""
    phases = [f"{kind}:{threads}:{hold}:1" for kind in KINDS for threads, hold in LOADS]
    found = traced("contend.c", *phases, options=("--threshold", THRESHOLD, "--mutex-probe", "off"))
    rows = []
    for kind, limit in KINDS.items():
        counts, times = [], []
        for phase in (phase for phase in phases if phase.startswith(f"{kind}:")):
            own, ours = of_program(found, phase), sum_locks(locks_of(found, phase))
            counts.append(100 * abs(ours.waits / max(own.waits, 1) - 1))
            times.append(100 * abs(ours.wait_ns / max(own.wait_ns, 1) - 1))
        rows.append(
            at_most(f"{kind}: number of waits, worst of {len(LOADS)} loads, off by", max(counts), limit, "%")
        )
        rows.append(
            at_most(f"{kind}: time of waits, worst of {len(LOADS)} loads, off by", max(times), limit, "%")
        )
    health = found.report["health"]
    incomplete = 100 * (1 - health["stacks_complete"] / max(health["stacks"], 1))
    return [*rows, at_most("stacks that are not complete", incomplete, 0.1, "%")]


def blame() -> list[Row]:
    """Two functions hold one lock for 1 ms and 9 ms."""
    found = traced("holds.c", "6", options=("--threshold", THRESHOLD))
    sites = found.report["release_sites"]
    caused = {function: found.program[key] for function, key in RELEASES.items()}
    charged = {
        function: sum(site["blame_ns"] for site in sites if has_function(site, function))
        for function in RELEASES
    }
    own = 100 * caused["release_long"] / max(sum(caused.values()), 1)
    ours = 100 * charged["release_long"] / max(sum(charged.values()), 1)
    return [
        at_most(f"blame of the 9 ms holds ({own:.1f} % by the program), off by", abs(own - ours), 4, "points")
    ]


def probe() -> list[Row]:
    """The mutex probe's cost, and its estimates."""
    rows: list[Row] = []
    for name, arguments in PROBED.items():
        with (
            Program([built("rate.c"), *arguments]) as program,
            probing(program.pid, ProbeMode.AUTO) as mutex_probe,
        ):
            program.go()
            account = program.result()
            cpu = process_cpu_ns(program.pid)
            state = mutex_probe.stop()
            found = mutex_probe.acquisitions()
        cost = 100 * state.hits * state.cost_ns_per_hit / cpu
        rows.append(at_most(f"probe {state.state}, {name}: share of its CPU time", cost, BUDGET_PERCENT, "%"))
        rows.append(Row("  a hit", f"{state.cost_ns_per_hit} ns", "", None))
        lock, truth = max(taken(account).items(), key=lambda item: item[1])
        error = 100 * (found[lock].count / truth - 1)
        if found[lock].saturated:
            rows.append(Row("  acquisitions, a lower bound", f"{error:+.3g} %", "<= 0 %", error <= 0))
        else:
            rows.append(at_most("  acquisitions, off by", abs(error), 10, "%"))
    return rows
