"""Two traces compared: for people, as JSON, and as differential folded stacks."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TextIO

from tracer.model.comparison import Change, Comparison, Per, Side, Trend
from tracer.model.kinds import Kind
from tracer.model.locks import Lock
from tracer.output.durations import counted, duration
from tracer.output.names import folded_lock, folded_name, printable, without_surrogates
from tracer.output.page import Column, Page
from tracer.output.stacks import CALLED_BY

SCHEMA = "lockwatch.diff/1"
SITES = 3
TENFOLD = 9
STYLES = {Trend.SLOWER: "red", Trend.NEW: "red", Trend.FASTER: "green", Trend.GONE: "green"}
UNITS = {Per.SECOND: "/s", Per.REQUEST: "/request", Per.RUN: ""}


def write(comparison: Comparison, out: TextIO, top: int) -> None:
    """The total, the locks, and under each of those that changed its call sites."""
    page = Page(out)
    page.line((f"Waiting per {comparison.per}, before and after", "bold"))
    for name, side in (("before", comparison.before), ("after", comparison.after)):
        page.line(f"  {name}: {_side(side, comparison.per)}")
    page.line(f"  waits of {duration(comparison.threshold_ns)} or more, in both")
    page.title("Locks, by the size of the difference")
    shown = comparison.locks[:top]
    page.table(_columns("LOCK"), [_row(change, comparison.per) for change in (comparison.total, *shown)])
    if len(comparison.locks) > top:
        page.line((f"  ... and {counted(len(comparison.locks) - top, 'more lock')}", "dim"))
    _write_sites(page, comparison, shown)
    page.line()
    page.paragraph(_in_words(comparison), indent="")
    page.flush()


def _side(side: Side, per: Per) -> str:
    calls = f", {counted(round(side.units), 'request')}" if per is Per.REQUEST else ""
    cut = "" if side.finished else "; the recording was cut off"
    return f"{printable(side.name)}, {duration(side.info.duration_ns)}{calls}{cut}"


def _columns(first: str) -> tuple[Column, ...]:
    return (
        Column(first, elastic=True, style="cyan"),
        Column("KIND"),
        Column("WAITS BEFORE", right=True, spare=2),
        Column("WAITS AFTER", right=True, spare=2),
        Column("TIME BEFORE", right=True),
        Column("TIME AFTER", right=True),
        Column("CHANGE", right=True),
        Column("DIFFERENCE (95 %)", right=True, spare=1),
        Column(""),
    )


def _row(change: Change, per: Per) -> tuple[str, ...]:
    return (
        printable(change.identity),
        str(change.kind or ""),
        f"{change.before.waits:,.2f}{UNITS[per]}",
        f"{change.after.waits:,.2f}{UNITS[per]}",
        f"{duration(round(change.before.wait_ns))}{UNITS[per]}",
        f"{duration(round(change.after.wait_ns))}{UNITS[per]}",
        _growth(change),
        f"{_signed(change.low_ns)} to {_signed(change.high_ns)}",
        str(change.trend),
    )


def _growth(change: Change) -> str:
    """`+12.5 %`; `26.0x` where percents would be hard to read."""
    if change.growth is None:
        return "-"
    return f"{100 * change.growth:+.1f} %" if change.growth < TENFOLD else f"{1 + change.growth:,.1f}x"


def _signed(nanoseconds: float) -> str:
    return f"{'-' if nanoseconds < 0 else '+'}{duration(round(abs(nanoseconds)))}"


def _chain(site: Change) -> str:
    return CALLED_BY.join(site.frames[site.libc_frames :]) or "[no stack]"


def _write_sites(page: Page, comparison: Comparison, locks: Sequence[Change]) -> None:
    sites: defaultdict[tuple[object, object], list[Change]] = defaultdict(list)
    for site in comparison.sites:
        if site.kind is not None:
            sites[site.identity, site.kind.of_lock].append(site)
    for lock in locks:
        if lock.trend is Trend.UNCLEAR:
            continue
        page.line()
        page.line(
            (printable(lock.identity), "bold cyan"),
            f" ({lock.kind}): ",
            (str(lock.trend), STYLES[lock.trend]),
        )
        for site in sites[lock.identity, lock.kind][:SITES]:
            times = f"{duration(round(site.before.wait_ns))} -> {duration(round(site.after.wait_ns))}"
            page.line((f"    {times:>22}  ", "bold"), f"{_growth(site):>10}  {site.trend}: {_chain(site)}")


def _in_words(comparison: Comparison) -> str:
    counts = Counter(change.trend for change in comparison.locks)
    if not comparison.locks:
        return "No waits on either side."
    whole = comparison.total
    return (
        f"In all {duration(round(whole.before.wait_ns))} -> {duration(round(whole.after.wait_ns))} of waiting"
        f" per {comparison.per} ({_growth(whole)}, {whole.trend}); locks: "
        + ", ".join(f"{counts[trend]} {trend}" for trend in Trend if counts[trend])
        + "."
    )


def write_json(comparison: Comparison, out: TextIO) -> None:
    """Amounts are per unit, so they are no integers here."""
    document = {
        "schema": SCHEMA,
        "per": str(comparison.per),
        "threshold_ns": comparison.threshold_ns,
        "before": _side_object(comparison.before),
        "after": _side_object(comparison.after),
        "total": _object(comparison.total),
        "locks": [_object(change) for change in comparison.locks],
        "call_sites": [_object(change) for change in comparison.sites],
    }
    json.dump(document, out, indent=1)
    out.write("\n")


def _side_object(side: Side) -> dict[str, Any]:
    return {
        "name": without_surrogates(side.name),
        "units": side.units,
        "started": side.info.started,
        "duration_ns": side.info.duration_ns,
        "version": side.info.version,
        "finished": side.finished,
    }


def _object(change: Change) -> dict[str, Any]:
    return {
        "identity": without_surrogates(change.identity),
        "kind": None if change.kind is None else str(change.kind),
        "frames": [without_surrogates(frame) for frame in change.frames],
        "before": asdict(change.before),
        "after": asdict(change.after),
        "difference_ns": change.difference_ns,
        "low_ns": change.low_ns,
        "high_ns": change.high_ns,
        "growth": change.growth,
        "trend": str(change.trend),
    }


def write_folded(comparison: Comparison, out: TextIO) -> None:
    """`outermost;...;innermost;lock IDENTITY BEFORE AFTER`, in nanoseconds a unit, like difffolded.pl."""
    sums: defaultdict[tuple[str, ...], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for site in comparison.sites:
        frames = tuple(folded_name(frame) for frame in reversed(site.frames))
        lock = Lock(0, 0, site.kind or Kind.OTHER, site.identity, site.identity)
        pair = sums[(*frames, folded_lock(lock))]
        pair[0] += site.before.wait_ns
        pair[1] += site.after.wait_ns
    for frames, (before, after) in sorted(sums.items()):
        if round(before) or round(after):
            out.write(f"{';'.join(frames)} {round(before)} {round(after)}\n")
