"""The table of locks, and under each of the first ones: where it is waited for, and what held it up."""

from collections import defaultdict
from collections.abc import Sequence

from tracer.model.locks import Lock
from tracer.model.report import CallSite, Report
from tracer.model.waits import LockTotal, OwnerSum, ReleaseSum
from tracer.output.durations import count, counted, duration, share
from tracer.output.lists import Entry, TitledList, write_lists
from tracer.output.names import printable
from tracer.output.page import Column, Page
from tracer.output.percentiles import percentile
from tracer.output.releases import merged
from tracer.output.stacks import chain

# Locks that are explained below the table, and how many sites of each.
DETAILED = 5
SITES = 5
# Calls that found the lock changed and did not sleep: that many, and at least as many as those that did.
STORM_CALLS = 1000

LockKey = tuple[int, int, str]


def lock_key(lock: Lock) -> LockKey:
    """What a lock is found by: its address, or its identity where it stands for a group of locks."""
    return (lock.pid, lock.address, "" if lock.address else lock.identity)


def write_locks(page: Page, title: str, report: Report, totals: Sequence[LockTotal], top: int) -> None:
    """`totals`: the locks to show, ordered."""
    page.title(title)
    whole = sum(total.wait_ns for total in totals)
    processes = len(report.info.targets) > 1
    acquired = any(total.acquisitions is not None for total in totals)
    page.table(_columns(processes, acquired), (_row(t, whole, processes, acquired) for t in totals[:top]))
    if len(totals) > top:
        rest = sum(total.wait_ns for total in totals[top:])
        page.line((f"  ... and {counted(len(totals) - top, 'more lock')} with {duration(rest)}", "dim"))


def write_details(page: Page, report: Report, totals: Sequence[LockTotal], top: int) -> None:
    """Call sites, owners and release sites of the first locks that have any."""
    sites: defaultdict[LockKey, list[CallSite]] = defaultdict(list)
    for site in report.call_sites:
        sites[lock_key(site.lock)].append(site)
    releases: defaultdict[LockKey, list[ReleaseSum]] = defaultdict(list)
    for release in report.release_sites:
        releases[lock_key(release.lock)].append(release)
    for total in totals[: min(top, DETAILED)]:
        key = lock_key(total.lock)
        if sites[key] or releases[key]:
            _write_lock(page, report, total, sites[key], releases[key])


def _write_lock(
    page: Page, report: Report, total: LockTotal, sites: list[CallSite], releases: list[ReleaseSum]
) -> None:
    page.line()
    lock = total.lock
    process = f" of process {lock.pid}" if len(report.info.targets) > 1 else ""
    page.line(
        (printable(lock.name), "bold cyan"),
        f" ({lock.kind}{process}): {counted(total.waits, 'wait')}, {duration(total.wait_ns)}",
    )
    lists = [
        *([_site_list(sites, report.info.threshold_ns)] if sites else []),
        *([_release_list(releases)] if releases else []),
    ]
    write_lists(page, lists)
    if total.owners:
        page.paragraph("held by " + ", ".join(_owners(total.owners)))
    if is_storm(total):
        page.paragraph(storm_sentence(total), style="yellow")


def is_storm(total: LockTotal) -> bool:
    """So many calls found the lock changed that part of the waiting happened outside futex(2)."""
    return total.eagain >= STORM_CALLS and total.eagain >= total.sleeps


def storm_sentence(total: LockTotal) -> str:
    return (
        f"{printable(total.lock.name)}: {counted(total.eagain, 'futex call')} did not sleep because the lock "
        f"had just changed (against {counted(total.sleeps, 'sleep')}): part of the waiting for it was "
        "spinning outside futex, and is in no number here."
    )


def _site_list(sites: list[CallSite], threshold_ns: int) -> TitledList:
    whole = sum(site.wait_ns for site in sites)
    shown = sorted(sites, key=lambda site: -site.wait_ns)[:SITES]
    return TitledList(
        f"waited for at (waits of {duration(threshold_ns)} or more)",
        tuple(
            Entry(_shares(site.wait_ns, whole), counted(site.waits, "wait"), _site_words(site))
            for site in shown
        ),
        _rest(len(sites), "more call site"),
    )


def _site_words(site: CallSite) -> str:
    way = f"{site.kind}  " if site.kind is not site.lock.kind else ""
    return way + chain(site.stack)


def _release_list(releases: list[ReleaseSum]) -> TitledList:
    """One row for each stack, whichever threads and requests it was seen in."""
    whole = sum(release.blame_ns for release in releases)
    rows = merged(releases, lambda release: (release.what, release.stack))
    return TitledList(
        "held up by",
        tuple(
            Entry(
                _shares(release.blame_ns, whole),
                f"{release.releases:,}x" if release.releases else "-",
                _release_words(release),
            )
            for release in rows[:SITES]
        ),
        _rest(len(rows), "more release site"),
    )


def _shares(part: int, whole: int) -> str:
    return f"{share(part, whole):>7}  {duration(part):>9}"


def _rest(found: int, noun: str) -> str:
    return f"... and {counted(found - SITES, noun)}" if found > SITES else ""


def _release_words(release: ReleaseSum) -> str:
    if release.stack is None:
        return str(release.what)
    by = f" by {printable(release.thread.name)}" if release.thread else ""
    serving = f" for {printable(release.request)}" if release.request else ""
    return f"{release.what}{by}{serving}: {chain(release.stack)}"


def _owners(owners: Sequence[OwnerSum]) -> list[str]:
    whole = sum(owner.wait_ns for owner in owners)
    first = sorted(owners, key=lambda owner: -owner.wait_ns)[:SITES]
    return [f"{printable(owner.thread)}/{owner.tid} {share(owner.wait_ns, whole)}" for owner in first]


def _columns(processes: bool, acquired: bool) -> list[Column]:
    spare = {"MEAN": 3, "P99": 2, "TAKEN": 1, "MAX": 1}
    numbers = ("WAITS", "TOTAL", "MEAN", "P99", "MAX", "SHARE", *(("TAKEN",) if acquired else ()))
    return [
        *((Column("PROCESS"),) if processes else ()),
        Column("LOCK", elastic=True, style="cyan"),
        Column("KIND"),
        *(Column(title, right=True, spare=spare.get(title, 0)) for title in numbers),
        Column("ADDRESS", style="dim", spare=4),
    ]


def _row(total: LockTotal, whole: int, processes: bool, acquired: bool) -> list[str]:
    lock = total.lock
    return [
        *((str(lock.pid),) if processes else ()),
        printable(lock.name),
        str(lock.kind),
        count(total.waits),
        duration(total.wait_ns),
        duration(total.wait_ns // total.waits) if total.waits else "-",
        duration(percentile(total.histogram, 0.99, total.max_wait_ns)) if any(total.histogram) else "-",
        duration(total.max_wait_ns) if total.waits else "-",
        share(total.wait_ns, whole),
        *((_acquisitions(total),) if acquired else ()),
        f"{lock.address:#x}" if lock.address else "",
    ]


def _acquisitions(total: LockTotal) -> str:
    if total.acquisitions is None:
        return "-"
    mark = ">=" if total.acquisitions_saturated else "~" if total.acquisitions_estimated else ""
    return mark + count(total.acquisitions)
