"""libvirt-lab: a libvirtd of its own under the load of parallel clients."""

import argparse
import signal
import sys
from contextlib import nullcontext
from pathlib import Path
from types import FrameType

import libvirt
from beside import lockwatch_beside
from clients import Load, run, warm_up
from daemon import TRANSPORTS, Daemon, LabError, Settings, free_port, running
from results import print_table, write_calls, write_json

MODES = ("full", "define", "query", "jobs")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/libvirt-lab",
        description="Starts a libvirtd of its own, loads it with parallel clients, prints their latencies. "
        "Nothing of an existing libvirtd is touched, and all that was started is stopped.",
    )
    add = parser.add_argument
    add(
        "--mode",
        choices=MODES,
        default="full",
        help="full creates QEMU guests (paused); jobs changes one guest from all clients",
    )
    add("--clients", default="1,20", metavar="N,...", help="parallel clients of each run (default 1,20)")
    add("--rounds", type=positive, default=3, help="rounds of each client (default 3)")
    add("--seconds", type=float, default=120.0, help="no round starts after so many seconds of a run")
    add("--shared-connection", action="store_true", help="all clients of a run use one connection")
    add("--kill-clients", action="store_true", help="beside them, kill three clients in mid-call")
    add("--min-workers", type=positive, help="libvirtd's min_workers (default: max_workers)")
    add("--max-workers", type=positive, default=50, help="libvirtd's max_workers (default 50)")
    add(
        "--max-client-requests", type=positive, default=50, help="libvirtd's max_client_requests (default 50)"
    )
    add("--own-pid-namespace", action="store_true", help="as in a container: a pid namespace of its own")
    add(
        "--transport",
        choices=TRANSPORTS,
        default="unix",
        help="of the connections; tcp and tls take a free port of 127.0.0.1 (default unix)",
    )
    add("--uri", help="use this libvirtd instead of starting one")
    add("--pid-file", type=Path, metavar="FILE", help="write the daemon's pid here once it listens")
    add("--hold", action="store_true", help="wait for a line on standard input before the load begins")
    add("--daemon-only", action="store_true", help="no load: run until standard input is closed")
    add("--attach", metavar="ARGS", help="run `lockwatch attach --pid DAEMON ARGS` beside the load")
    add("--json", type=Path, metavar="FILE", help="write the latencies here")
    add(
        "--calls", type=Path, metavar="FILE", help="write each good call's beginning and latency here, as CSV"
    )
    return parser.parse_args()


def counts(text: str) -> list[int]:
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = [0]
    if min(numbers) < 1:
        raise LabError(f"--clients {text}: numbers of at least 1, separated by commas")
    return numbers


def interruptible() -> None:
    """Any signal to stop ends the program by an exception, so that all cleaning up happens, once."""

    def on_signal(number: int, _frame: FrameType | None) -> None:
        for other in STOP_SIGNALS:
            signal.signal(other, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for number in STOP_SIGNALS:
        signal.signal(number, on_signal)


def work(chosen: argparse.Namespace, daemon: Daemon) -> None:
    if chosen.pid_file:
        chosen.pid_file.write_text(f"{daemon.pid}\n")
    if chosen.daemon_only:
        print(daemon.pid, daemon.uri, flush=True)
        sys.stdin.read()
        return
    load = Load(
        uri=daemon.uri,
        mode=chosen.mode,
        rounds=chosen.rounds,
        seconds=chosen.seconds,
        shared_connection=chosen.shared_connection,
        kill_clients=chosen.kill_clients,
    )
    warm_up(load)
    if chosen.hold:
        print(f"libvirtd {daemon.pid} is ready: a line on standard input starts the load", flush=True)
        sys.stdin.readline()
    runs = []
    with lockwatch_beside(daemon.pid, chosen.attach):
        for clients in counts(chosen.clients):
            runs.append(run(load, clients))
            print_table(runs[-1])
    if chosen.json:
        write_json(chosen.json, runs, daemon.pid)
    if chosen.calls:
        write_calls(chosen.calls, runs)


def main() -> None:
    chosen = options()
    interruptible()
    settings = Settings(
        min_workers=chosen.min_workers or chosen.max_workers,
        max_workers=chosen.max_workers,
        max_client_requests=chosen.max_client_requests,
        own_pid_namespace=chosen.own_pid_namespace,
        transport=chosen.transport,
        port=free_port(),
    )
    try:
        counts(chosen.clients)
        with nullcontext(Daemon(0, chosen.uri)) if chosen.uri else running(settings) as daemon:
            work(chosen, daemon)
    except (LabError, OSError, libvirt.libvirtError) as error:
        print(f"libvirt-lab: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
