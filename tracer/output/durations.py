"""Numbers as people read them: `12.3 ms`, `45.6 %`, `12,345`."""

MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
# From here on tenths of a second say nothing any more.
LONG = 10 * MINUTE


def duration(nanoseconds: int) -> str:
    """A time with one decimal in the unit that suits it."""
    if nanoseconds < MICROSECOND:
        return f"{nanoseconds} ns"
    if nanoseconds >= LONG:
        return _long(nanoseconds)
    for unit, name in ((MICROSECOND, "us"), (MILLISECOND, "ms")):
        # Rounding may reach 1000.0: the next unit then reads better.
        if round(nanoseconds / unit, 1) < 1000:
            return f"{nanoseconds / unit:.1f} {name}"
    return f"{nanoseconds / SECOND:.1f} s"


def _long(nanoseconds: int) -> str:
    seconds = round(nanoseconds / SECOND)
    if nanoseconds < HOUR:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def share(part: int, whole: int) -> str:
    """`part` of `whole` in percent; nothing of nothing is 0 %."""
    return f"{100 * part / whole if whole else 0.0:.1f} %"


def count(number: int) -> str:
    return f"{number:,}"


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number and its noun, in the plural (by default noun + s) unless it is one."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def size(octets: int) -> str:
    return f"{octets / 1_000_000:.1f} MB"
