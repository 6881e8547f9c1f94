"""Quantiles in bounded memory, against the exact ones."""

import random

import pytest

from tracer.requests.latency import Latencies, bucket_of, middle_of


@pytest.mark.parametrize("ns", [0, 1, 127, 128, 129, 255, 256, 1000, 10**6, 10**9 + 7, 10**12, 2**63])
def test_bucket_stands_for_its_values(ns: int) -> None:
    assert abs(middle_of(bucket_of(ns)) - ns) <= ns * 0.004


def test_buckets_are_in_the_order_of_values() -> None:
    values = sorted(random.Random(1).randrange(1, 10**10) for _ in range(5000))
    buckets = [bucket_of(value) for value in values]
    assert buckets == sorted(buckets)


def test_quantiles_agree_with_the_exact_ones() -> None:
    generator = random.Random(2)
    values = [int(generator.lognormvariate(13, 2)) for _ in range(20_000)]
    latencies = Latencies()
    for value in values:
        latencies.add(value)
    ordered = sorted(values)
    for share in (0.0, 0.5, 0.9, 0.999):
        exact = ordered[int(share * len(ordered))]
        assert latencies.quantile(share) == pytest.approx(exact, rel=0.005, abs=1)
    assert latencies.max_ns == ordered[-1]
    assert latencies.total_ns == sum(values)


def test_no_latency_has_no_quantile() -> None:
    assert Latencies().quantile(0.5) == 0


def test_one_latency_is_every_quantile() -> None:
    latencies = Latencies()
    latencies.add(1_234_567)
    assert latencies.quantile(0.0) == pytest.approx(1_234_567, rel=0.004)
    assert latencies.quantile(1.0) == 1_234_567
