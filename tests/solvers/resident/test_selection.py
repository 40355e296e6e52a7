"""Which features join a working set, and how far a step goes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hetengine.problems import CoordinateProblem
from hetengine.solvers.resident.continuation import objective
from hetengine.solvers.resident.point import Point
from hetengine.solvers.resident.selection import best_share, nearest
from tests.solvers.resident.harness import build, make_data


def points_of(problem: CoordinateProblem) -> Callable[[np.ndarray], Point]:
    """What makes points from coefficients, in NumPy."""
    X, y = make_data("lasso", 60, 9)

    def at(coef: np.ndarray) -> Point:
        scores = X @ coef[:-1]
        slope = (scores - y) / y.size
        loss = 0.5 * float((scores - y) @ slope)
        return Point(coef, scores, slope, loss, np.append(X.T @ slope, slope.sum()))

    return at


@given(
    seed=st.integers(0, 10_000), size=st.sampled_from([1e-3, 0.3, 1.0, 10.0]), ridge=st.booleans()
)
def test_a_step_ends_where_the_objective_is_lowest(seed: int, size: float, ridge: bool) -> None:
    problem = build("elastic_net" if ridge else "lasso", make_data("lasso", 60, 9), lam=0.3)
    at, rng = points_of(problem), np.random.default_rng(seed)
    start, end = (np.append(size * rng.normal(size=9) * (rng.random(9) < 0.7), 0.0) for _ in "ab")
    here, there = at(start), at(end)
    share = best_share(problem, here, there)
    assert 0.0 <= share <= 1.0
    found = objective(problem, at(start + share * (end - start)))
    others = [objective(problem, at(start + s * (end - start))) for s in np.linspace(0, 1, 201)]
    assert found <= min(others) + 1e-9 * abs(found)


def test_a_step_to_the_optimum_is_taken_whole_and_one_to_nowhere_is_not() -> None:
    problem = build("lasso", make_data("lasso", 60, 9), lam=1e3)
    at = points_of(problem)
    zero, away = at(np.zeros(10)), at(np.append(np.ones(9), 0.0))
    assert best_share(problem, away, zero) == 1.0
    assert best_share(problem, zero, away) == 0.0
    lost = Point(away.coef, away.scores, away.slope, np.inf, away.gradient)
    assert best_share(problem, zero, lost) == 0.0


def test_the_nearest_features_are_those_whose_constraint_is_closest() -> None:
    gradient = np.array([0.9, -1.2, 0.5, 0.99, 0.0])
    norms = np.array([1.0, 1.0, 100.0, 0.001, 1.0])
    outside = np.array([True, True, True, True, False])
    assert nearest(1.0, gradient, norms, outside, 2).tolist() == [1, 2]
    assert nearest(1.0, gradient, norms, outside, 4).tolist() == [0, 1, 2, 3]
    assert nearest(1.0, gradient, norms, outside, 0).size == 0


def test_the_nearest_of_many_features_are_found_wherever_they_are() -> None:
    rng = np.random.default_rng(0)
    gradient, norms = rng.normal(size=50_000), 0.1 + rng.random(50_000)
    outside = rng.random(50_000) < 0.7
    distance = np.where(outside, (3.0 - np.abs(gradient)) / norms, np.inf)
    for count in (1, 300, 20_000):
        wanted = np.sort(np.argsort(distance)[:count])
        assert nearest(3.0, gradient, norms, outside, count).tolist() == wanted.tolist()
