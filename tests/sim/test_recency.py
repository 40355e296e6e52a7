"""Reuse distances of whole launches."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetengine.sim.recency import Recency, cache_domain, reuse_of
from hetengine.topology import DeviceSpec
from hetengine.work import Work


def test_going_round_in_parts_finds_each_part_a_whole_round_away() -> None:
    recency = Recency()
    assert [recency.use("matrix", 10.0, 40.0) for _ in range(4)] == [math.inf] * 4
    assert [recency.use("matrix", 10.0, 40.0) for _ in range(8)] == [40.0] * 8


def test_what_others_use_in_between_adds_to_the_distance() -> None:
    recency = Recency()
    recency.use("block", 10.0, 10.0)
    recency.use("matrix", 40.0, 40.0)
    assert recency.use("block", 10.0, 10.0) == 50.0
    assert recency.use("block", 10.0, 10.0) == 10.0


def test_what_others_use_again_and_again_counts_once() -> None:
    recency = Recency()
    recency.use("matrix", 40.0, 40.0)
    for _ in range(22):
        recency.use("block", 10.0, 10.0)
    assert recency.use("matrix", 20.0, 40.0) == 50.0
    recency.use("block", 5.0, 10.0)
    assert recency.use("matrix", 20.0, 40.0) == 50.0
    assert recency.use("block", 10.0, 10.0) == 10.0 + 20.0


def test_more_bytes_than_the_footprint_are_all_of_it() -> None:
    recency = Recency()
    recency.use("columns", 30.0, 10.0)
    assert recency.use("columns", 30.0, 10.0) == 30.0


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(1.0, 1e9)), max_size=40))
def test_a_distance_is_at_least_what_is_used_now(uses: list[tuple[str, float]]) -> None:
    recency = Recency()
    for name, nbytes in uses:
        assert recency.use(name, nbytes, 1e9) >= nbytes * (1.0 - 1e-9)


def test_work_that_does_not_say_what_it_reads_leaves_no_trace() -> None:
    recency = Recency()
    block = Work(bytes_read=10.0, reads="columns", footprint=10.0)
    reuse_of(recency, "card", block)
    assert reuse_of(recency, "card", Work(bytes_read=1e9)) == 0.0
    assert reuse_of(recency, "card", block) == 10.0
    assert reuse_of(recency, "other", block) == math.inf


@pytest.mark.parametrize(("cores", "domain"), [(None, "card"), ("processor", "cores processor")])
def test_devices_on_the_same_cores_share_caches(cores: str | None, domain: str) -> None:
    assert cache_domain(DeviceSpec("card", cores=cores)) == domain
