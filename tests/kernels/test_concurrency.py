"""How many coordinates at once: up while gaps fall, down when they rise."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from hetengine_kernels.concurrency import Concurrency


def test_it_doubles_until_the_gaps_rise_then_climbs_slowly() -> None:
    limit = Concurrency(1000)
    seen = []
    for met in (8.0, 4.0, 2.0, 1.0, 3.0, 1.0, 0.5):
        limit.heed(met)
        seen.append(limit.now)
    assert seen == [32, 64, 128, 256, 128, 144, 162]
    assert limit.settled


def test_a_gap_that_is_no_number_counts_as_a_rise() -> None:
    limit = Concurrency(1000)
    limit.heed(1.0)
    limit.heed(math.nan)
    assert limit.now == 16


def test_one_at_a_time_is_settled_and_stays() -> None:
    limit = Concurrency(1)
    assert limit.settled
    for met in (1.0, 5.0, 0.1):
        limit.heed(met)
        assert limit.now == 1


@given(st.integers(1, 5000), st.lists(st.floats(0, 1e300), max_size=60))
def test_it_stays_within_the_device(most: int, gaps: list[float]) -> None:
    limit = Concurrency(most)
    for met in gaps:
        limit.heed(met)
        assert 1 <= limit.now <= most
