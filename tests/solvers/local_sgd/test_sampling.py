"""Who gets which samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetengine.solvers.local_sgd.classes import Member
from hetengine.solvers.local_sgd.loss_table import LossTable
from hetengine.solvers.local_sgd.policies import SamplingConfig
from hetengine.solvers.local_sgd.sampling import deal, hardest, permuted, probabilities


def members(*samplings: str) -> list[Member]:
    return [
        Member(
            k, f"d{k}", "g", sampling != "score", 1, 1, sampling.replace("score", "uniform"), 1.0
        )
        for k, sampling in enumerate(samplings)
    ]


def dealt(
    samplings: list[str], sizes: list[int], losses: np.ndarray, seed: int = 0, **options: Any
) -> list[np.ndarray]:
    shares = deal(
        SamplingConfig(**options),
        members(*samplings),
        dict(enumerate(sizes)),
        losses,
        np.random.default_rng(seed),
    )
    assert [shares[k].ids.size for k in range(len(sizes))] == sizes
    return [shares[k].ids for k in range(len(sizes))]


NEVER = np.full(100, np.inf)
sizes_of = st.lists(st.integers(1, 25), min_size=1, max_size=4)


@given(sizes=sizes_of, seed=st.integers(0, 99))
def test_uniform_shares_are_disjoint(sizes: list[int], seed: int) -> None:
    shares = dealt(["uniform"] * len(sizes), sizes, NEVER, seed)
    everything = np.concatenate(shares)
    assert np.unique(everything).size == sum(sizes)


@given(sizes=st.lists(st.integers(1, 20), min_size=2, max_size=4), seed=st.integers(0, 99))
def test_hard_samples_are_the_largest_of_the_pool(sizes: list[int], seed: int) -> None:
    losses = np.random.default_rng(seed).permutation(100).astype(float)
    quota = sum(sizes)
    shares = dealt(["hard"] * len(sizes), sizes, losses, seed, rho=100 / quota)
    taken = np.concatenate(shares)
    # The pool is everything, but for the rounding of rho.
    pool = int(100 / quota * quota)
    assert set(np.argsort(-losses)[: quota - (100 - pool)]) <= set(taken)
    assert np.unique(taken).size == quota


@pytest.mark.parametrize("rho", [1.0, 2.0, 4.0])
def test_rho_is_the_bias(rho: float) -> None:
    """From a large pool, the taken come uniformly from the top 1/rho of all losses."""
    losses = np.arange(20_000.0)
    taken = hardest(losses, 2_000, rho, np.random.default_rng(1))
    quantile = losses[taken] / losses.size
    assert quantile.min() > 1 - 1 / rho - 0.03
    assert quantile.mean() == pytest.approx(1 - 0.5 / rho, abs=0.02)


def test_samples_never_seen_count_as_the_hardest() -> None:
    losses = np.arange(100.0)
    losses[:10] = np.inf
    taken = hardest(losses, 10, 10.0, np.random.default_rng(0))
    assert set(taken) == set(range(10))


@given(hard=st.integers(1, 40), even=st.integers(1, 60), seed=st.integers(0, 50))
def test_hard_samples_are_kept_from_the_others_unless_they_may_overlap(
    hard: int, even: int, seed: int
) -> None:
    losses = np.random.default_rng(seed).random(100)
    taken, others = dealt(["hard", "uniform"], [hard, even], losses, seed, rho=1.5)
    assert not set(taken) & set(others)
    again, free = dealt(["hard", "uniform"], [hard, even], losses, seed, rho=1.5, overlap=True)
    np.testing.assert_array_equal(taken, again)
    assert np.unique(free).size == even


def test_as_released_most_hard_samples_are_dealt_to_the_fast_as_well() -> None:
    losses = np.random.default_rng(0).random(50_000)
    slow, fast = dealt(["hard", "uniform"], [1472, 47_104], losses, overlap=True)
    assert np.isin(slow, fast).mean() == pytest.approx(0.94, abs=0.02)


def test_those_who_score_take_no_samples_away() -> None:
    scored, trained = dealt(["score", "uniform"], [150, 100], NEVER)
    assert set(trained) == set(range(100))
    assert set(scored[:100]) == set(range(100))


def test_where_more_are_due_than_there_are_samples_come_again() -> None:
    (share,) = dealt(["uniform"], [250], NEVER)
    assert np.bincount(share).tolist() in ([2] * 100, np.bincount(share).tolist())
    assert set(np.bincount(share)) == {2, 3}
    assert permuted(np.arange(3), 7, np.random.default_rng(0)).size == 7


def test_proportional_draws_follow_the_losses() -> None:
    losses = np.array([0.0, 1.0, 3.0, np.inf])
    p = probabilities(losses, 0.2)
    np.testing.assert_allclose(p, 0.8 * np.array([0, 1, 3, 3]) / 7 + 0.2 / 4)
    (share,) = dealt(["proportional"], [40_000], losses, floor=0.2)
    np.testing.assert_allclose(np.bincount(share) / share.size, p, atol=0.01)


def test_nothing_known_or_nothing_lost_is_uniform() -> None:
    np.testing.assert_allclose(probabilities(NEVER, 0.1), 0.01)
    np.testing.assert_allclose(probabilities(np.zeros(100), 0.1), 0.01)


@given(seed=st.integers(0, 30), floor=st.floats(0.05, 1.0))
def test_weights_make_the_expectation_that_of_uniform_sampling(seed: int, floor: float) -> None:
    """Sum over i of p_i w_i f_i is the mean of f, exactly, with w_i = 1/(D p_i)."""
    rng = np.random.default_rng(seed)
    losses, f = rng.exponential(size=50), rng.normal(size=50)
    config = SamplingConfig(correction=True, floor=floor)
    share = deal(config, members("proportional"), {0: 400}, losses, rng)[0]
    assert share.weights is not None
    p = probabilities(losses, floor)
    np.testing.assert_allclose(share.weights, 1.0 / (50 * p[share.ids]))
    assert share.weights.max() <= 1.0 / floor + 1e-9
    assert np.sum(p * f / (50 * p)) == pytest.approx(f.mean())


def test_without_correction_samples_are_not_weighted() -> None:
    shares = deal(
        SamplingConfig(), members("proportional"), {0: 4}, NEVER, np.random.default_rng(0)
    )
    assert shares[0].weights is None


def test_the_latest_observation_is_kept() -> None:
    table = LossTable(4, "latest", ("slow", "fast"))
    assert np.isinf(table.merged).all()
    table.write("slow", np.array([0, 1]), np.array([1.0, 2.0]), 5)
    table.write("fast", np.array([1, 2]), np.array([9.0, 3.0]), 6)
    table.write("slow", np.array([1, 2, 3]), np.array([4.0, 4.0, 4.0]), 5)
    table.end_period()
    assert table.merged.tolist() == [1.0, 9.0, 3.0, 4.0]
    assert table.rounds.tolist() == [5, 6, 6, 5]


def test_as_released_the_table_becomes_a_running_minimum() -> None:
    table = LossTable(3, "minimum", ("slow", "fast"))
    table.write("slow", np.array([0]), np.array([1.0]), 0)
    table.write("fast", np.array([0, 1]), np.array([3.0, 2.0]), 0)
    table.end_period()
    assert table.merged.tolist() == [1.0, 2.0, np.inf]
    # Higher losses, seen by one class only, are forgotten; seen by both, they count.
    table.write("fast", np.array([0, 1]), np.array([5.0, 5.0]), 1)
    table.write("slow", np.array([1]), np.array([7.0]), 1)
    table.end_period()
    assert table.merged.tolist() == [1.0, 5.0, np.inf]


def test_of_one_sample_met_twice_the_later_loss_is_kept() -> None:
    table = LossTable(2, "latest", ("all",))
    table.write("all", np.array([0, 1, 0]), np.array([1.0, 2.0, 3.0]), 0)
    assert table.merged.tolist() == [3.0, 2.0]
