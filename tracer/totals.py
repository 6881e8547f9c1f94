"""The kernel's own sums, of waits of every length, as totals of locks and rows of blame."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from tracer.grouping import merge_owners, merge_totals
from tracer.kernel import records as raw
from tracer.model.kinds import ReleaseKind
from tracer.model.locks import Lock
from tracer.model.waits import LockTotal, OwnerSum, ReleaseSum
from tracer.probe.estimate import Acquisitions
from tracer.resolving import Resolver, Way

LockKey = tuple[int, int]  # pid, base address


def lock_totals(
    resolver: Resolver,
    waits: Mapping[raw.WaitKey, raw.WaitTotal],
    owners: Mapping[raw.OwnerKey, raw.OwnerTotal],
) -> dict[LockKey, LockTotal]:
    """One total a lock. Every key is classified before any lock is named: names weigh all that is known."""
    sites = {key: resolver.site(way_of(key), total.stack) for key, total in waits.items()}
    for key, total in waits.items():
        resolver.learn(key.pid, sites[key], key.object, total.stack, total.wait_ns)
    by_lock: dict[LockKey, LockTotal] = {}
    for key, total in waits.items():
        lock_key = (key.pid, sites[key].base)
        before = by_lock.get(lock_key)
        lock = before.lock if before else resolver.final_lock(*lock_key)
        one = _total(total, lock)
        by_lock[lock_key] = merge_totals(before, one) if before else one
    for lock_key, sums in _owners(resolver, owners).items():
        if lock_key in by_lock:
            by_lock[lock_key] = replace(by_lock[lock_key], owners=merge_owners(sums))
    return by_lock


def way_of(key: raw.WaitKey | raw.WaitEvent) -> Way:
    return Way(key.pid, key.word, key.ip, key.operation, key.value)


def with_open_waits(
    totals: Mapping[raw.WaitKey, raw.WaitTotal], states: Mapping[int, raw.ThreadState], threshold_ns: int
) -> dict[raw.WaitKey, raw.WaitTotal]:
    """With the waits whose last sleep is over, but which no later call has closed."""
    whole = dict(totals)
    for tid, state in states.items():
        if state.phase == raw.PHASE_BETWEEN:
            event = raw.wait_event(tid, state, b"")
            key = raw.WaitKey(
                event.word, event.ip, event.object, event.request, event.pid, event.operation, event.value, 0
            )
            whole[key] = _with_wait(whole.get(key), event, threshold_ns)
    return whole


def with_open_owners(
    totals: Mapping[raw.OwnerKey, raw.OwnerTotal], states: Mapping[int, raw.ThreadState]
) -> dict[raw.OwnerKey, raw.OwnerTotal]:
    """With the owners of the same waits."""
    whole = dict(totals)
    for state in states.values():
        if state.phase == raw.PHASE_BETWEEN and state.owner:
            key = raw.OwnerKey(
                state.word, state.object, state.request, state.owner_request, state.pid, state.owner
            )
            before = whole.get(key, raw.OwnerTotal(0, 0, 0))
            confirmed = bool(state.flags & raw.WAIT_OWNER_CONFIRMED)
            whole[key] = raw.OwnerTotal(
                before.waits + 1, before.wait_ns + state.ended - state.started, before.confirmed + confirmed
            )
    return whole


def _with_wait(total: raw.WaitTotal | None, event: raw.WaitEvent, threshold_ns: int) -> raw.WaitTotal:
    waited = event.ended - event.started
    before = total or raw.WaitTotal(event.stack, *(0,) * 9, histogram=(0,) * raw.HISTOGRAM_SLOTS)
    slot = max(waited.bit_length() - 1, 0)
    long = waited >= threshold_ns
    return before._replace(
        stack=before.stack or event.stack,
        waits=before.waits + 1,
        wait_ns=before.wait_ns + waited,
        max_wait_ns=max(before.max_wait_ns, waited),
        sleeps=before.sleeps + event.sleeps,
        interrupted=before.interrupted + (event.outcome == raw.OUTCOME_INTERRUPTED),
        long_waits=before.long_waits + long,
        long_wait_ns=before.long_wait_ns + waited * long,
        histogram=tuple(count + (index == slot) for index, count in enumerate(before.histogram)),
    )


def with_acquisitions(
    totals: Mapping[LockKey, LockTotal], acquisitions: Mapping[LockKey, Acquisitions]
) -> dict[LockKey, LockTotal]:
    """How often the probe saw each lock taken. A lock that it did not see keeps None: no mutex of libc."""
    found = dict(totals)
    for key, taken in acquisitions.items():
        if key in found:
            found[key] = replace(
                found[key],
                acquisitions=taken.count,
                acquisitions_estimated=taken.estimated,
                acquisitions_saturated=taken.saturated,
            )
    return found


def _total(total: raw.WaitTotal, lock: Lock) -> LockTotal:
    return LockTotal(
        lock=lock,
        waits=total.waits,
        wait_ns=total.wait_ns,
        max_wait_ns=total.max_wait_ns,
        sleeps=total.sleeps,
        timeouts=total.timeouts,
        interrupted=total.interrupted,
        long_waits=total.long_waits,
        long_wait_ns=total.long_wait_ns,
        eagain=total.eagain,
        histogram=total.histogram,
    )


def _owners(
    resolver: Resolver, owners: Mapping[raw.OwnerKey, raw.OwnerTotal]
) -> dict[LockKey, list[OwnerSum]]:
    """What a lock named as its owner, where that is a thread of the process."""
    found: dict[LockKey, list[OwnerSum]] = defaultdict(list)
    for key, total in owners.items():
        owner = resolver.owner(key.pid, key.owner, False)
        base = resolver.bases.get((key.pid, key.word))
        if owner is not None and base is not None:
            found[key.pid, base].append(
                OwnerSum(owner.tid, owner.thread, total.waits, total.wait_ns, total.confirmed)
            )
    return found


def blame_rows(
    resolver: Resolver,
    words: Mapping[raw.WordKey, raw.WordState],
    totals: Mapping[LockKey, LockTotal],
    releases: Iterable[ReleaseSum],
) -> list[ReleaseSum]:
    """The rows of every lock, which add up to its ended waits.

    What no release has been charged with - hand-over after the last release, the time that a thread which
    lost the race ran before it slept again - goes to `no release seen`.
    """
    rows = list(releases)
    charged: dict[LockKey, int] = defaultdict(int)
    short: dict[LockKey, list[int]] = defaultdict(lambda: [0, 0])
    unreleased: dict[LockKey, int] = defaultdict(int)
    for row in rows:
        charged[row.lock.pid, row.lock.address] += row.blame_ns
    for key, state in words.items():
        lock_key = (key.pid, resolver.bases.get((key.pid, key.word), key.word))
        short[lock_key][0] += state.short_releases
        short[lock_key][1] += state.short_ns
        unreleased[lock_key] += state.unreleased
    for lock_key, total in totals.items():
        number, ns = short[lock_key]
        if number:
            rows.append(_row(total, ReleaseKind.SHORT, number, ns))
        rest = total.wait_ns - charged[lock_key] - ns
        if rest > 0:
            rows.append(_row(total, ReleaseKind.NONE_SEEN, unreleased[lock_key], rest))
    return rows


def _row(total: LockTotal, what: ReleaseKind, number: int, ns: int) -> ReleaseSum:
    return ReleaseSum(total.lock, what, None, None, None, number, ns)
