"""Quantiles of latencies in bounded memory."""

from collections import defaultdict

# Buckets of an octave. A value is known to one part in twice this many: 0.4 %.
STEPS = 128
STEP_BITS = STEPS.bit_length() - 1


def bucket_of(ns: int) -> int:
    """Exact below STEPS; above, the octave and the STEPS'th part of it."""
    if ns < STEPS:
        return max(ns, 0)
    octave = ns.bit_length() - 1 - STEP_BITS
    return (octave << STEP_BITS) + (ns >> octave)


def middle_of(bucket: int) -> int:
    """The value that stands for a bucket: ns."""
    if bucket < 2 * STEPS:
        return bucket
    octave = (bucket >> STEP_BITS) - 1
    return ((bucket - (octave << STEP_BITS)) << octave) + (1 << octave >> 1)


class Latencies:
    """Counts of latencies. Sum and maximum are exact, quantiles to 0.4 %."""

    def __init__(self) -> None:
        self._buckets: dict[int, int] = defaultdict(int)
        self.count = 0
        self.total_ns = 0
        self.max_ns = 0

    def add(self, ns: int) -> None:
        self._buckets[bucket_of(ns)] += 1
        self.count += 1
        self.total_ns += ns
        if ns > self.max_ns:
            self.max_ns = ns

    def merge(self, other: "Latencies") -> None:
        for bucket, number in other._buckets.items():
            self._buckets[bucket] += number
        self.count += other.count
        self.total_ns += other.total_ns
        self.max_ns = max(self.max_ns, other.max_ns)

    def quantile(self, share: float) -> int:
        """Nearest-rank quantile in ns; 0 without any latency."""
        rank = int(share * self.count)
        seen = 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen > rank:
                return min(middle_of(bucket), self.max_ns)
        return self.max_ns
