"""Gap-safe screening on the way of a solver: what it rules out is 0 in the solution."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import ElasticNet, Lasso

from hetengine.problems import CoordinateProblem, lambda_max
from hetengine.solvers.resident import steps, working_set
from hetengine.solvers.resident.rows import Rows
from hetengine.solvers.resident.screen import Screen
from tests.solvers.resident.harness import build, make_data, solve

L1_RATIO = 0.6


def make(
    name: str, rows: int, features: int, seed: int, share: float, weighted: bool, intercept: bool,
    dtype: type = np.float64, sparse: bool = False,
) -> tuple[CoordinateProblem, np.ndarray]:  # fmt: skip
    """A problem, and its solution by scikit-learn in float64."""
    X, y = make_data(name, rows, features, sparse, seed)
    weights = np.random.default_rng(seed).random(rows) + 0.1 if weighted else None
    ratio = 1.0 if name == "lasso" else L1_RATIO
    lam = share * lambda_max(name, X, y, weights, intercept, ratio)
    options: dict[str, Any] = {} if name == "lasso" else {"l1_ratio": L1_RATIO}
    problem = build(name, (X, y), lam, dtype, weights, intercept=intercept, **options)
    kind = Lasso if name == "lasso" else ElasticNet
    model = kind(lam, fit_intercept=intercept, tol=1e-12, max_iter=1_000_000, **options)
    return problem, model.fit(X, y, sample_weight=weights).coef_


def ruled_out(problem: CoordinateProblem, tol: float) -> np.ndarray:
    """What the solver's screen rules out on the way."""
    screens = []

    class Watched(Screen):
        def __init__(self, *args) -> None:
            super().__init__(*args)
            screens.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(working_set, "Screen", Watched)
        assert solve(problem, tol=tol).outcome.status == "converged"
    assert len(screens) == 1
    return ~screens[0].possible


@settings(max_examples=25)
@given(
    name=st.sampled_from(["lasso", "elastic_net"]),
    rows=st.integers(20, 150),
    features=st.integers(4, 120),
    seed=st.integers(0, 10_000),
    share=st.floats(0.05, 0.95),
    weighted=st.booleans(),
    intercept=st.booleans(),
    dtype=st.sampled_from([np.float32, np.float64]),
    sparse=st.booleans(),
)
def test_no_feature_of_the_support_is_ever_ruled_out(
    name, rows, features, seed, share, weighted, intercept, dtype, sparse
) -> None:
    problem, best = make(name, rows, features, seed, share, weighted, intercept, dtype, sparse)
    out = ruled_out(problem, 1e-9 if dtype is np.float64 else 1e-6)
    support = np.abs(best) > 1e-6 * np.abs(best).max(initial=0.0)
    assert not (out & support).any()


@pytest.mark.parametrize("name", ["lasso", "elastic_net"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_most_features_are_ruled_out_on_the_way(
    name: str, dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem, best = make(name, 80, 600, 3, 0.5, False, False, dtype)
    monkeypatch.setattr(steps, "FIRST", 4)  # many rounds
    out = ruled_out(problem, 1e-7)
    assert out.sum() > 300
    assert not best[out].any()


@pytest.mark.parametrize("name", ["lasso", "elastic_net"])
def test_steps_that_leave_out_what_is_ruled_out_reach_the_same_optimum(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem, best = make(name, 80, 200, 3, 0.3, False, False)
    sizes: list[int] = []
    descend = Rows.descend

    def watched(self, gram, penalties, beta, *rest):
        sizes.append(beta.size)
        return descend(self, gram, penalties, beta, *rest)

    monkeypatch.setattr(Rows, "descend", watched)
    monkeypatch.setattr(steps, "_WORTH", 1.0)  # for any feature left out
    outcome = solve(problem, tol=1e-12).outcome
    assert any(later < earlier for earlier, later in pairwise(sizes))
    assert outcome.alpha[: best.size] == pytest.approx(best, abs=1e-7)


def test_nothing_is_ruled_out_where_norms_are_not_known() -> None:
    problem, _ = make("lasso", 60, 30, 0, 0.3, False, False)
    screen = Screen(problem, None, exact=True)
    outcome = solve(problem).outcome
    screen.learn(outcome.certificate, outcome.w, problem.columns.dot(outcome.w))
    assert screen.possible.all()
