"""Coefficients of the average."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetengine.solvers.local_sgd.aggregation import Mixture, fednova, normaliser, weights
from hetengine.solvers.local_sgd.classes import Member
from hetengine.solvers.local_sgd.contribution import Contribution
from hetengine.solvers.local_sgd.exchange import finite
from hetengine.solvers.local_sgd.policies import AggregationConfig, MomentumConfig


def came(index: int, steps: int, batch: int = 4) -> Contribution:
    none = np.zeros(steps * batch)
    return Contribution(index, steps, none.astype(np.int64), none, 1.0, 1.0 / steps)


def members(*class_weights: float) -> list[Member]:
    return [
        Member(k, f"d{k}", "g", True, 1, 1, "uniform", weight)
        for k, weight in enumerate(class_weights)
    ]


def test_weights_by_policy_and_class() -> None:
    found = [came(0, 1, 8), came(2, 3, 4)]
    who = members(2.0, 1.0, 1.0)
    for policy, expected in (("uniform", 2 / 3), ("steps", 2 / 5), ("samples", 16 / 28)):
        mean = weights(AggregationConfig(weights=policy), who, found)
        assert mean.workers == pytest.approx({0: expected, 2: 1 - expected})
        assert mean.base == 0.0
    anchored = weights(AggregationConfig(anchors=3), members(1, 1, 1), found)
    assert anchored.base == pytest.approx(3 / 5)
    assert anchored.workers == pytest.approx({0: 1 / 5, 2: 1 / 5})


@pytest.mark.parametrize(
    ("tau", "expected"), [(1, 1.0), (8, 28.7), (16, 86.7), (32, 233.1), (64, 550.1)]
)
def test_a_step_with_momentum_that_is_reset_counts_for_more_the_later_it_ends(
    tau: int, expected: float
) -> None:
    rho = 0.9
    found = normaliser(tau, MomentumConfig(rho, at_average="reset"))
    assert found == pytest.approx(sum((1 - rho**j) / (1 - rho) for j in range(1, tau + 1)))
    assert found == pytest.approx(expected, abs=0.05)


def test_momentum_that_goes_on_or_is_none_counts_every_step_alike() -> None:
    assert normaliser(32, MomentumConfig(0.9, at_average="keep")) == 32
    assert normaliser(32, MomentumConfig(0.9, at_average="average")) == 32
    assert normaliser(32, MomentumConfig(0.0, at_average="reset")) == 32


@given(
    steps=st.lists(st.integers(1, 64), min_size=1, max_size=6),
    rho=st.floats(0.0, 0.95),
    at_average=st.sampled_from(["keep", "reset"]),
)
def test_fednova_undoes_unequal_steps(steps: list[int], rho: float, at_average: str) -> None:
    """If each step moves a worker by its own g_k, all g_k count by p_k, not by their steps."""
    momentum = MomentumConfig(rho, at_average=at_average)
    found = [came(k, tau) for k, tau in enumerate(steps)]
    mean = weights(AggregationConfig(), members(*[1.0] * len(steps)), found)
    mixture = fednova(mean, found, momentum)
    rng = np.random.default_rng(0)
    w, g = rng.normal(size=3), rng.normal(size=(len(steps), 3))
    norms = [normaliser(tau, momentum) for tau in steps]
    ends = [w + a * each for a, each in zip(norms, g, strict=True)]
    got = mixture.base * w + sum(mixture.workers[k] * end for k, end in enumerate(ends))
    np.testing.assert_allclose(got, w + np.mean(norms) * g.mean(axis=0), rtol=1e-9, atol=1e-9)


@given(steps=st.integers(1, 64), count=st.integers(1, 5))
def test_with_equal_steps_fednova_is_the_mean(steps: int, count: int) -> None:
    found = [came(k, steps) for k in range(count)]
    mean = weights(AggregationConfig("fednova"), members(*[1.0] * count), found)
    mixture = fednova(mean, found, MomentumConfig(at_average="reset"))
    assert mixture.base == pytest.approx(0.0, abs=1e-12)
    assert mixture.workers == pytest.approx(mean.workers)


@given(
    raw=st.lists(st.floats(0.01, 100.0), min_size=1, max_size=12),
    base=st.floats(-100.0, 100.0),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_coefficients_add_up_exactly(raw: list[float], base: float, dtype: Any) -> None:
    scale = (1.0 - base) / sum(raw)
    mixture = Mixture(base, {2 * k: scale * value for k, value in enumerate(raw)})
    row = mixture.row(2 * len(raw) + 1, np.dtype(dtype))
    assert row.dtype == dtype
    assert row.astype(np.float64).sum() == 1.0
    assert not row[2::2].any()
    largest = max(abs(base), *(abs(value) for value in mixture.workers.values()))
    tolerance = float(2 * len(row) * np.finfo(dtype).eps * largest)
    np.testing.assert_allclose(row[1::2], list(mixture.workers.values()), rtol=0, atol=tolerance)
    assert float(row[0]) == pytest.approx(base, abs=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_whatever_is_not_finite_is_found(dtype: Any) -> None:
    vector = np.random.default_rng(0).normal(size=1000).astype(dtype)
    assert finite(vector)
    for value in (np.nan, np.inf, -np.inf):
        broken = vector.copy()
        broken[617] = value
        assert not finite(broken)
    assert not finite(np.array([np.inf, -np.inf], dtype))
    # A sum that overflows is no proof.
    assert finite(np.full(10, np.finfo(dtype).max))
