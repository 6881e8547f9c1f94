"""Moments of a trace as users write them: seconds from its start, or clock times."""

import re
from datetime import datetime, time, timedelta

from tracer.durations import parse_duration
from tracer.errors import UsageError
from tracer.model.report import TraceInfo
from tracer.recording.window import Window

SECONDS = re.compile(r"\d+(?:\.\d+)?")
CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d{1,6})?)?")


def parse_window(since: str | None, until: str | None, info: TraceInfo) -> Window:
    """A part of the trace. Raises UsageError, also where nothing of the trace lies inside."""
    start = datetime.fromisoformat(info.started)
    since_ns = None if since is None else parse_moment(since, "--since", start)
    until_ns = None if until is None else parse_moment(until, "--until", start)
    if until_ns is not None and until_ns <= (since_ns or 0):
        raise UsageError("--until is not after --since", f"the trace began at {info.started}")
    if since_ns is not None and since_ns >= info.duration_ns > 0:
        raise UsageError("--since is after the end of the trace", _extent(info))
    return Window(since_ns, until_ns)


def _extent(info: TraceInfo) -> str:
    return f"it began at {info.started} and took {info.duration_ns / 1e9:.1f} s"


def parse_moment(text: str, option: str, start: datetime) -> int:
    """Nanoseconds from `start`: `12`, `12.5`, `1m`, `14:03:05`, or a whole ISO 8601 time. Raises UsageError.

    A clock time is on the recording machine's clock: the first such moment at or after the start's second.
    """
    text = text.strip()
    if SECONDS.fullmatch(text):
        return round(float(text) * 1e9)
    try:
        moment = _clock_time(text, start) if CLOCK.fullmatch(text) else datetime.fromisoformat(text)
    except ValueError:
        return _duration(text, option)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=start.tzinfo)
    return max(0, (moment - start) // timedelta(microseconds=1) * 1000)


def _clock_time(text: str, start: datetime) -> datetime:
    padded = text if text.index(":") == 2 else f"0{text}"
    seconds, _, fraction = padded.partition(".")
    clock = time.fromisoformat(seconds)
    microseconds = int(fraction.ljust(6, "0")) if fraction else 0
    moment = datetime.combine(start.date(), clock.replace(microsecond=microseconds), start.tzinfo)
    return moment if moment >= start.replace(microsecond=0) else moment + timedelta(days=1)


def _duration(text: str, option: str) -> int:
    try:
        return parse_duration(text, option)
    except UsageError:
        raise UsageError(
            f"{option}: {text!r} is no moment of a trace",
            "write seconds from its start (12.5), a duration (1m) or a clock time (14:03:05)",
        ) from None
