"""Sentences about API calls: what they spend their time on when it is not a lock."""

from collections.abc import Callable, Sequence

from tracer.model.report import Report
from tracer.model.requests import RequestTotal
from tracer.output.durations import counted, duration, share
from tracer.output.names import printable
from tracer.verdict.evidence import MAIN_PART, calls_ns, largest, locks_matter

Part = Callable[[RequestTotal], int]

_SENTENCES: tuple[tuple[Part, str], ...] = (
    (
        lambda total: total.throttled_ns,
        "{calls} spent {time} ({share} of their time{mostly}) before the server read them: the requests of "
        "one connection are throttled. Look at max_client_requests in the daemon's configuration.",
    ),
    (
        lambda total: total.queued_ns,
        "{calls} spent {time} ({share} of their time{mostly}) queued for a free worker thread. "
        "Look at max_workers in the daemon's configuration.",
    ),
    (
        lambda total: total.cond_wait_ns,
        "{calls} spent {time} ({share} of their time{mostly}) waiting on conditions, "
        "such as a reply of a QEMU monitor: that is no lock contention.",
    ),
    (
        lambda total: total.cpu_ns or 0,
        "{calls} spent {time} ({share} of their time{mostly}) computing: a faster processor would help, "
        "fewer locks would not.",
    ),
    (
        lambda total: total.runqueue_ns or 0,
        "{calls} spent {time} ({share} of their time{mostly}) ready to run without a processor: "
        "the machine has too few of them.",
    ),
    (
        lambda total: total.other_ns if total.cpu_ns is None else total.blocked_ns or 0,
        "{calls} spent {time} ({share} of their time{mostly}) on neither a queue nor a lock nor a condition: "
        "computing, or blocked in the kernel.",
    ),
)


def request_sentences(report: Report) -> list[str]:
    """The API that takes most time, unless locks will name it, and what the calls' time went into."""
    requests = report.requests or ()
    whole_ns = calls_ns(requests)
    if not whole_ns:
        return []
    slowest = [] if locks_matter(report) else [_slowest(requests)]
    return [*slowest, *_main_parts(requests, whole_ns)]


def _slowest(requests: Sequence[RequestTotal]) -> str:
    first = max(requests, key=lambda total: calls_ns((total,)))
    return (
        f"Most time goes into {printable(first.api)}: {counted(first.calls, 'call')} took "
        f"{duration(calls_ns((first,)))}, with a median of {duration(first.p50_ns)} "
        f"and {duration(first.max_ns)} at most from the server's reading to its reply."
    )


def _main_parts(requests: Sequence[RequestTotal], whole_ns: int) -> list[str]:
    """The largest first."""
    calls = counted(sum(total.calls for total in requests), "API call")
    spent = [(sum(part(total) for total in requests), part, text) for part, text in _SENTENCES]
    spent.sort(key=lambda entry: -entry[0])
    return [
        text.format(
            calls=calls,
            time=duration(time_ns),
            share=share(time_ns, whole_ns),
            mostly=_mostly(requests, part),
        )
        for time_ns, part, text in spent
        if time_ns >= MAIN_PART * whole_ns
    ]


def _mostly(requests: Sequence[RequestTotal], part: Part) -> str:
    """The API that stands for more than half of it, where there are several."""
    api, time_ns, whole_ns = largest((total.api, part(total)) for total in requests)
    return f", mostly in {printable(api)}" if len(requests) > 1 and 2 * time_ns > whole_ns else ""
