"""Two recordings into a comparison."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from tracer.comparing.bootstrap import Bootstrap, Interval, discoveries
from tracer.comparing.pairing import pairs, renamed
from tracer.comparing.slices import Sliced, Waits, sliced_waits
from tracer.errors import UsageError
from tracer.model.comparison import Amount, Change, Comparison, Per, Side, Trend
from tracer.model.kinds import Kind
from tracer.options import Filters
from tracer.recording import Recording

Key = TypeVar("Key", bound=tuple[object, ...])
# Smaller rows than these many largest ones are not looked at: they cannot matter, but would cost seconds.
LARGEST = 300
NOTHING = Sliced()
EVERYTHING = "all locks"


@dataclass(frozen=True, slots=True)
class _Row:
    """What is compared in one row, before it is known whether it is a change."""

    identity: str
    kind: Kind | None
    frames: tuple[str, ...]
    before: Amount
    after: Amount
    interval: Interval


def compare(before: Recording, after: Recording, per: Per, filters: Filters) -> Comparison:
    """Raises UsageError where it is to be per request and none are known; FileError for a damaged file."""
    threshold_ns = max(before.info().threshold_ns, after.info().threshold_ns)
    sides = _side(before, per), _side(after, per)
    then, now = sliced_waits(before, threshold_ns, filters), sliced_waits(after, threshold_ns, filters)
    comparer = _Comparer(*sides, renamed(then, pairs(then, now)), now)
    return Comparison(
        *sides, per, threshold_ns, total=comparer.total(), locks=comparer.locks(), sites=comparer.sites()
    )


def _side(recording: Recording, per: Per) -> Side:
    return Side(recording.path.name, recording.info(), _units(recording, per), recording.finished)


def _units(recording: Recording, per: Per) -> float:
    if per is Per.RUN:
        return 1.0
    if per is Per.SECOND:
        return max(recording.info().duration_ns, 1) / 1e9
    calls = sum(request.calls for request in recording.requests() or ())
    if not calls:
        raise UsageError(
            f"--per request: {recording.path} has no finished requests", "compare --per second or --per run"
        )
    return float(calls)


class _Comparer:
    def __init__(self, before: Side, after: Side, waits_before: Waits, waits_after: Waits) -> None:
        self._sides = before, after
        self._before, self._after = waits_before, waits_after
        self._bootstrap = Bootstrap()

    def total(self) -> Change:
        row = self._row(EVERYTHING, None, (), self._before.total, self._after.total)
        return _changes([row])[0]

    def locks(self) -> tuple[Change, ...]:
        before, after = self._before.locks, self._after.locks
        return _ordered(
            self._row(*key, (), before.get(key, NOTHING), after.get(key, NOTHING))
            for key in self._largest(before, after)
        )

    def sites(self) -> tuple[Change, ...]:
        before, after = self._before.sites, self._after.sites
        libc_frames = {**self._before.libc_frames, **self._after.libc_frames}
        changes = _ordered(
            self._row(*key, before.get(key, NOTHING), after.get(key, NOTHING))
            for key in self._largest(before, after)
        )
        return tuple(replace(change, libc_frames=libc_frames[change.frames]) for change in changes)

    def _largest(self, before: Mapping[Key, Sliced], after: Mapping[Key, Sliced]) -> list[Key]:
        def size(key: Key) -> float:
            sizes = zip((before, after), self._sides, strict=True)
            return max(sum(rows.get(key, NOTHING).wait_ns) / side.units for rows, side in sizes)

        return sorted(dict.fromkeys((*before, *after)), key=size, reverse=True)[:LARGEST]

    def _row(
        self, identity: str, kind: Kind | None, frames: tuple[str, ...], before: Sliced, after: Sliced
    ) -> _Row:
        units = self._sides[0].units, self._sides[1].units
        interval = self._bootstrap.interval(before.wait_ns, units[0], after.wait_ns, units[1])
        return _Row(identity, kind, frames, _amount(before, units[0]), _amount(after, units[1]), interval)


def _amount(sliced: Sliced, units: float) -> Amount:
    return Amount(sliced.waits / units, sum(sliced.wait_ns) / units)


def _ordered(rows: Iterable[_Row]) -> tuple[Change, ...]:
    return tuple(sorted(_changes(list(rows)), key=lambda change: -abs(change.difference_ns)))


def _changes(rows: Sequence[_Row]) -> list[Change]:
    real = discoveries([row.interval.chance for row in rows])
    return [
        Change(
            row.identity,
            row.kind,
            row.frames,
            row.before,
            row.after,
            row.interval.low,
            row.interval.high,
            _trend(row) if sure else Trend.UNCLEAR,
        )
        for row, sure in zip(rows, real, strict=True)
    ]


def _trend(row: _Row) -> Trend:
    if not row.before.waits:
        return Trend.NEW
    if not row.after.waits:
        return Trend.GONE
    return Trend.SLOWER if row.after.wait_ns > row.before.wait_ns else Trend.FASTER
