"""Locks that only call sites name: the same one in another run, though another site came first there."""

from collections import defaultdict
from collections.abc import Mapping
from typing import TypeAlias

from tracer.comparing.slices import LockKey, SiteKey, Sliced, Waits
from tracer.model.locks import FIRST_WAITED

# Two locks are one where their waiting has at least this much in common, by its shares of call sites.
ALIKE = 0.5

Shares: TypeAlias = Mapping[SiteKey, float]


def pairs(before: Waits, after: Waits) -> dict[LockKey, LockKey]:
    """What stands for a lock of `before` in `after`; only locks without a partner of the same identity."""
    then, now = _shares(before, after), _shares(after, before)
    found = sorted(
        ((_overlap(then[old], now[new]), old, new) for old in then for new in now if old[1] is new[1]),
        key=lambda pair: (-pair[0], pair[1][0], pair[2][0]),
    )
    partners: dict[LockKey, LockKey] = {}
    for overlap, old, new in found:
        if overlap >= ALIKE and old not in partners and new not in partners.values():
            partners[old] = new
    return partners


def _shares(waits: Waits, others: Waits) -> dict[LockKey, Shares]:
    """The shares of call sites in the waiting for each lock that has no partner in `others`."""
    lonely = {
        key: sum(waits.locks[key].wait_ns)
        for key in waits.locks
        if FIRST_WAITED in key[0] and key not in others.locks
    }
    shares: defaultdict[LockKey, dict[SiteKey, float]] = defaultdict(dict)
    for (identity, kind, frames), sliced in waits.sites.items():
        key = identity, kind.of_lock
        if lonely.get(key):
            shares[key]["", kind, frames] = sum(sliced.wait_ns) / lonely[key]
    return dict(shares)


def _overlap(one: Shares, other: Shares) -> float:
    return sum(min(share, other.get(site, 0.0)) for site, share in one.items())


def renamed(waits: Waits, partners: Mapping[LockKey, LockKey]) -> Waits:
    """The same waits under the identities of the partners."""
    found = Waits(total=waits.total, libc_frames=waits.libc_frames)
    for key, sliced in waits.locks.items():
        _merge(found.locks[partners.get(key, key)], sliced)
    for (identity, kind, frames), sliced in waits.sites.items():
        key = identity, kind.of_lock
        _merge(found.sites[partners.get(key, key)[0], kind, frames], sliced)
    return found


def _merge(into: Sliced, sliced: Sliced) -> None:
    for slice_, wait_ns in enumerate(sliced.wait_ns):
        into.add(slice_, 0, wait_ns)
    into.waits += sliced.waits
