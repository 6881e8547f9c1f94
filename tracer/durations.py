"""Durations as users write them."""

import re

from tracer.errors import UsageError

UNITS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000}
WRITTEN = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s|m)")
LONGEST_NS = 1 << 47  # what the kernel side's blame can count: 39 hours


def parse_duration(text: str, option: str) -> int:
    """`500us`, `1.5ms`, `2s`, `10m` or `0` in nanoseconds. Raises UsageError."""
    if text.strip() == "0":
        return 0
    match = WRITTEN.fullmatch(text.strip())
    if not match:
        raise UsageError(
            f"{option}: {text!r} is no duration", "write it with its unit: 500us, 1ms, 2s, 10m, or 0"
        )
    nanoseconds = round(float(match[1]) * UNITS[match[2]])
    if nanoseconds >= LONGEST_NS:
        raise UsageError(f"{option}: {text!r} is too long", "at most 39 hours")
    return nanoseconds
