from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from hetengine.problems import Kind, coordinate_update, term_value
from tests.problems.reference_cd import (
    CASES,
    build,
    dense_columns,
    make_data,
    random_alpha,
    snapshot,
)


def user_objective(name, X, y, weights, coef, constant, lam, l1_ratio, penalised) -> float:
    """The objective as the README states it, straight from data and model."""
    scale = np.ones(y.size) if weights is None else weights / weights.mean()
    scores = X @ coef + constant
    losses = {
        "svm": np.maximum(0, 1 - y * scores),
        "squared_hinge": 0.5 * np.maximum(0, 1 - y * scores) ** 2,
        "logistic": np.logaddexp(0, -y * scores),
    }.get(name, 0.5 * (scores - y) ** 2)
    share = {"lasso": 1.0, "elastic_net": l1_ratio}.get(name, 0.0)
    square = coef @ coef + (constant**2 if penalised else 0.0)
    penalty = share * np.abs(coef).sum() + (1 - share) / 2 * square
    return float((scale * losses).mean() + lam * penalty)


@pytest.mark.parametrize(("name", "side"), CASES)
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
def test_objective_is_the_one_promised(name, side, sparse, weighted, intercept) -> None:
    if name == "ridge" and side == "dual" and intercept:
        pytest.skip("a dual ridge has no unpenalised intercept")
    options = {"sparse": sparse, "weighted": weighted}
    data = make_data(name, **options)
    problem = build(name, side, lam=0.3, intercept=intercept, l1_ratio=0.4, **options)
    alpha = random_alpha(problem)
    w, _, certificate = snapshot(problem, alpha)
    coef, constant = problem.model(alpha, w)
    promised = user_objective(
        name, data.X, data.y, data.weights, coef, constant, 0.3, 0.4, side == "dual"
    )
    assert certificate.objective == pytest.approx(promised, rel=1e-12)
    assert coef.shape == (12,)
    assert (constant != 0) == intercept


@pytest.mark.parametrize(("name", "side"), CASES)
def test_shared_vector_is_the_gradient_of_f(name: str, side: str) -> None:
    problem = build(name, side, weighted=True)
    alpha = random_alpha(problem)
    v = problem.columns.combine(alpha)
    w = problem.shared_vector(alpha)
    np.testing.assert_allclose(w, problem.smoothness * (v - problem.target), atol=1e-14)
    smooth = 0.5 * problem.smoothness * ((v - problem.target) ** 2).sum()
    assert problem.smooth_value(w) == pytest.approx(smooth, rel=1e-12)
    # f(v) + f*(w) = v . w, Fenchel and Young with equality.
    assert problem.smooth_value(w) + problem.smooth_conjugate(w) == pytest.approx(v @ w, rel=1e-9)


@pytest.mark.parametrize(("name", "side"), CASES)
def test_a_coordinate_step_minimises_the_whole_objective(name: str, side: str) -> None:
    problem = build(name, side, weighted=True)
    columns = dense_columns(problem)
    alpha = random_alpha(problem)
    w = problem.shared_vector(alpha)
    for i in (0, 3, 7):
        h = problem.smoothness * columns[i] @ columns[i]
        args = (problem.p[i], problem.q[i])
        fresh = float(coordinate_update(problem.kind, alpha[i], columns[i] @ w, h, *args))

        def along(x: float, i: int = i) -> float:
            moved = alpha.copy()
            moved[i] = x
            return problem.objective(moved, problem.shared_vector(moved))

        low, high = fresh - 1, fresh + 1
        if problem.kind in (Kind.HINGE, Kind.SQUARED_HINGE, Kind.LOGISTIC):
            ends = (0.0, problem.p[i] * problem.q[i] * (1 if problem.kind != 3 else 5))
            low, high = min(ends), max(ends)
        found = minimize_scalar(along, bounds=(low, high), method="bounded")
        assert along(fresh) <= float(found.fun) + 1e-12


@pytest.mark.parametrize(("name", "side"), CASES)
def test_scores_are_the_gaps_and_zero_at_the_intercept(name: str, side: str) -> None:
    problem = build(name, side, intercept=not (name == "ridge" and side == "dual"))
    alpha = random_alpha(problem)
    _, u, _ = snapshot(problem, alpha)
    scores = problem.scores(alpha, u)
    assert scores.shape == (problem.count,)
    assert (scores >= 0).all()
    assert (scores[problem.pinned] == 0).all()
    assert scores.max() > 0


def test_lasso_bound_shrinks_with_the_objective_and_covers_alpha() -> None:
    problem = build("lasso")
    alpha = random_alpha(problem)
    objective = problem.objective(alpha, problem.shared_vector(alpha))
    assert problem.bound(objective) >= np.abs(alpha).sum()
    assert problem.bound(objective / 2) == problem.bound(objective) / 2
    assert build("svm").bound(1.0) == build("elastic_net").bound(1.0) == 0


@pytest.mark.parametrize(("name", "side"), CASES)
def test_start_is_zero_and_feasible(name: str, side: str) -> None:
    problem = build(name, side)
    alpha = problem.initial_alpha()
    np.testing.assert_array_equal(problem.shared_vector(alpha), problem.w0)
    assert np.isfinite(term_value(problem.kind, alpha, problem.p, problem.q)).all()
    np.testing.assert_array_equal(problem.project(alpha), alpha)


def test_intercept_products_are_exact_in_float32_too() -> None:
    problem = build("lasso", intercept=True, weighted=True, dtype=np.float32)
    assert problem.intercept_direction is not None
    np.testing.assert_array_equal(problem.pinned, [problem.count - 1])
    last = np.zeros(problem.count)
    last[-1] = 1
    np.testing.assert_array_equal(problem.columns.combine(last), problem.intercept_direction)
    np.testing.assert_array_equal(
        problem.columns.dot(problem.intercept_direction), problem.intercept_products
    )


def test_model_is_a_copy() -> None:
    problem = build("lasso")
    alpha = random_alpha(problem)
    coef, constant = problem.model(alpha, problem.w0)
    coef[:] = 7
    assert not (alpha == 7).any()
    assert constant == 0
