"""The sums that sentences rest on, and what they must reach before a sentence is said."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from tracer.model.report import Report
from tracer.model.requests import RequestTotal

# Locks matter when on average this many threads wait for one, ...
WAITING_THREADS = 0.05
# ... or when a single wait lasts as long as a person notices.
NOTICED_NS = 100_000_000
# Locks matter to API calls when they take this part of one API's time, and that API at least so much of all.
LOCK_PART = 0.1
API_PART = 0.05
# What takes this part of the calls' time is the reason why they are slow.
MAIN_PART = 0.3
# A caller, holder or thread is named when it stands for this part of its lock's waiting.
NAMED_PART = 0.25
# What takes a smaller part of an API's time is not told.
TOLD_PART = 0.01
# A wait that lasts this long at the end, with nothing to show that it would end, is called stuck.
STUCK_NS = 1_000_000_000


def locks_matter(report: Report) -> bool:
    """To calls, where they are known: they tell waiting that somebody feels. Else to threads."""
    if report.requests:
        return calls_wait_for_locks(report.requests)
    contended = [total for total in report.locks if total.lock.kind.contention]
    waited_ns = sum(total.wait_ns for total in contended)
    noticed = any(total.max_wait_ns >= NOTICED_NS for total in contended)
    return noticed or waited_ns >= WAITING_THREADS * report.info.duration_ns > 0


def calls_wait_for_locks(requests: Sequence[RequestTotal]) -> bool:
    """Some API that matters spends a part of its time on locks that matters."""
    whole_ns = calls_ns(requests)
    return any(
        total.lock_wait_ns >= LOCK_PART * calls_ns((total,)) > 0 and calls_ns((total,)) >= API_PART * whole_ns
        for total in requests
    )


def calls_ns(requests: Iterable[RequestTotal]) -> int:
    """The time of the calls as their clients see it."""
    return sum(total.total_ns + total.throttled_ns for total in requests)


def largest(weights: Iterable[tuple[str, int]]) -> tuple[str, int, int]:
    """The name with the most weight, its weight and that of all; ("", 0, 0) for nothing."""
    sums: defaultdict[str, int] = defaultdict(int)
    for name, weight in weights:
        sums[name] += weight
    if not sums:
        return ("", 0, 0)
    name = max(sums, key=lambda key: sums[key])
    return (name, sums[name], sum(sums.values()))
