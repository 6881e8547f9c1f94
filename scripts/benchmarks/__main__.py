"""scripts/bench: how well lockwatch does on this machine, as a table."""

import argparse
import os

import libvirt_rows
import speed
import stops
import truth_rows
from rows import Measure

MEASURES: dict[str, Measure] = {
    "attach": speed.attaching,
    "waits": truth_rows.waits,
    "blame": truth_rows.blame,
    "probe": truth_rows.probe,
    "stops": stops.slow_locks,
    "throughput": speed.throughput,
    "frontend": speed.frontend,
    "report": speed.reporting,
    "libvirt": libvirt_rows.latencies,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measures lockwatch on this machine. Everything else that runs here is noise in it.",
    )
    names = ", ".join(MEASURES)
    parser.add_argument("measures", nargs="*", metavar="MEASURE", help=f"of {names} (default: all)")
    parser.add_argument("--long", action="store_true", help="and ten minutes of 10,000 waits a second")
    chosen = parser.parse_args()
    if unknown := set(chosen.measures) - MEASURES.keys():
        parser.error(f"no such measure: {', '.join(sorted(unknown))}; there are {names}")
    measures = [MEASURES[name] for name in chosen.measures or MEASURES]
    if chosen.long:
        measures.append(speed.flatness)
    print(f"{os.uname().release}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.2f}")
    for measure in measures:
        try:
            for row in measure():
                print(row, flush=True)
        except AssertionError as error:
            print(f"{measure.__name__} failed: {error}", flush=True)


if __name__ == "__main__":
    main()
