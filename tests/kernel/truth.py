"""Compares a report with what the traced program measured itself."""

from dataclasses import dataclass
from typing import Any

from harness import Trace


@dataclass(frozen=True)
class Sums:
    """Waits of any length (`calls` of the program are not all waits) and those of at least the threshold."""

    total_ns: int = 0
    waits: int = 0
    wait_ns: int = 0


def of_program(trace: Trace, lock: str, function: str | None = None) -> Sums:
    """The program's sums for a lock, or for one of its functions."""
    sites = [
        site
        for site in trace.program["sites"]
        if site["lock"] == lock and function in (None, site["function"])
    ]
    assert sites, f"the program has no {lock} {function or ''}"
    return Sums(*(sum(site[name] for site in sites) for name in ("total_ns", "waits", "wait_ns")))


def program_locks(trace: Trace) -> list[dict[str, Any]]:
    """One of the program's sites per lock."""
    return list({site["lock"]: site for site in trace.program["sites"]}.values())


def locks_of(trace: Trace, lock: str) -> list[dict[str, Any]]:
    """The report's locks whose address lies within the program's lock."""
    site = next(site for site in trace.program["sites"] if site["lock"] == lock)
    return [
        entry
        for entry in trace.report["locks"]
        if site["address"] <= int(entry["address"], 16) < site["address"] + site["size"]
    ]


def locks_of_kind(trace: Trace, kind: str) -> list[dict[str, Any]]:
    return [entry for entry in trace.report["locks"] if entry["kind"] == kind]


def sum_locks(entries: list[dict[str, Any]]) -> Sums:
    """The report's sums over some locks."""
    return Sums(*(sum(e[name] for e in entries) for name in ("wait_ns", "long_waits", "long_wait_ns")))


def sites_of(trace: Trace, addresses: set[str], function: str) -> list[dict[str, Any]]:
    """The report's call sites of some locks with a function in their stacks."""
    return [
        site
        for site in trace.report["call_sites"]
        if site["lock"] in addresses and has_function(site, function)
    ]


def has_function(site: dict[str, Any], function: str) -> bool:
    return any(frame["function"] == function for frame in site["frames"])


def sum_sites(sites: list[dict[str, Any]]) -> Sums:
    return Sums(
        sum(site["wait_ns"] for site in sites),
        sum(site["waits"] for site in sites),
        sum(site["wait_ns"] for site in sites),
    )


def assert_close(found: int, expected: int, share: float, what: str, slack: int = 0) -> None:
    """`found` differs from `expected` by the share, or by `slack` units, at most."""
    difference = abs(found - expected)
    assert difference <= max(expected * share, slack), (
        f"{what}: {found} instead of {expected} ({(found / expected - 1 if expected else 0):+.2%})"
    )
