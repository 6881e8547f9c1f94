"""Which locks the tables show."""

import pytest
from output_models import DOMAIN, MANAGER, POOL

from tracer.model.kinds import Kind
from tracer.options import Filters, parse_kinds


def shown(filters: Filters) -> list[str]:
    return [lock.identity for lock in (MANAGER, DOMAIN, POOL) if filters.shows(lock)]


def test_contention_has_idle_waits_beside_it() -> None:
    assert shown(Filters()) == ["SecurityManager", "Domain", "pool"]


def test_a_list_of_kinds_is_kept_to() -> None:
    assert shown(Filters(parse_kinds("mutex"))) == ["SecurityManager"]
    assert shown(Filters(parse_kinds("idle"))) == ["pool"]


def test_a_way_to_wait_for_a_rwlock_shows_the_rwlock() -> None:
    assert shown(Filters(frozenset({Kind.RWLOCK_READ}))) == ["Domain"]


@pytest.mark.parametrize("kind", [Kind.RWLOCK, Kind.RWLOCK_READ, Kind.RWLOCK_WRITE])
def test_a_way_to_wait_for_a_rwlock_shows_who_released_it(kind: Kind) -> None:
    accepts = Filters(frozenset({kind})).accepts_releases
    assert [lock.identity for lock in (MANAGER, DOMAIN, POOL) if accepts(lock)] == ["Domain"]
    assert not Filters(frozenset({kind}), lock="Security*").accepts_releases(DOMAIN)


def test_a_pattern_holds_for_every_kind() -> None:
    assert shown(Filters(lock="pool*")) == ["pool"]
