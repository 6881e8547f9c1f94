"""A part of a trace."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """Events from `since_ns` on and before `until_ns`, both counted from the trace's start; None is open.

    A wait belongs to the moment of its end, as its live line does.
    """

    since_ns: int | None = None
    until_ns: int | None = None

    @property
    def whole(self) -> bool:
        return self.since_ns is None and self.until_ns is None

    @property
    def to_the_end(self) -> bool:
        return self.until_ns is None

    def duration_ns(self, whole_ns: int) -> int:
        """How much of a trace of `whole_ns` lies inside."""
        until = whole_ns if self.until_ns is None else min(self.until_ns, whole_ns)
        return max(0, until - (self.since_ns or 0))

    def condition(self, time: str) -> tuple[str, tuple[int, ...]]:
        """The SQL condition that `time`, an expression, lies inside, and its parameters."""
        terms, values = ["1"], []
        if self.since_ns is not None:
            terms.append(f"{time} >= ?")
            values.append(self.since_ns)
        if self.until_ns is not None:
            terms.append(f"{time} < ?")
            values.append(self.until_ns)
        return " AND ".join(terms), tuple(values)


WHOLE = Window()
