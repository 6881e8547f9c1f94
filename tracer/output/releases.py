"""Rows of blame that a view does not tell apart, as one."""

from collections import defaultdict
from collections.abc import Callable, Iterable

from tracer.model.waits import ReleaseSum


def merged(releases: Iterable[ReleaseSum], key: Callable[[ReleaseSum], object]) -> list[ReleaseSum]:
    """One row for each key, by blame. Its thread and request are those that all of its rows have."""
    groups: defaultdict[object, list[ReleaseSum]] = defaultdict(list)
    for release in releases:
        groups[key(release)].append(release)
    return sorted(map(_sum, groups.values()), key=lambda release: -release.blame_ns)


def _sum(rows: list[ReleaseSum]) -> ReleaseSum:
    return ReleaseSum(
        lock=rows[0].lock,
        what=rows[0].what,
        stack=rows[0].stack,
        thread=rows[0].thread if len({row.thread and row.thread.name for row in rows}) == 1 else None,
        request=rows[0].request if len({row.request for row in rows}) == 1 else None,
        releases=sum(row.releases for row in rows),
        blame_ns=sum(row.blame_ns for row in rows),
    )
