"""Where the resident solvers begin with another strength of the penalty."""

from __future__ import annotations

import numpy as np
import pytest

from hetengine.problems import (
    Certificate,
    CoordinateProblem,
    ProblemConfig,
    at_strength,
    make_problem,
)
from hetengine.solvers.outcome import Outcome
from hetengine.solvers.resident.continuation import Continuation, objective
from hetengine.solvers.resident.point import Point

RNG = np.random.default_rng(1)
X, Y = RNG.standard_normal((40, 3)), RNG.standard_normal(40)


def problem_at(lam: float) -> CoordinateProblem:
    problem = make_problem(ProblemConfig("lasso", lam=1.0), X, Y, dtype=np.float64, by_row=True)
    return at_strength(problem, lam)


def point_at(coef: np.ndarray) -> Point:
    scores = X @ coef
    slope = (scores - Y) / Y.size
    loss = 0.5 * float((scores - Y) @ slope)
    return Point(np.append(coef, 0.0), scores, slope, loss, np.append(X.T @ slope, 0.0))


def outcome() -> Outcome:
    certificate = Certificate(1.0, 0.0, 0.0, "rescaled dual")
    return Outcome("converged", 1, certificate, np.zeros(3), np.zeros(40))


def lasso(lam: float) -> np.ndarray:
    from sklearn.linear_model import Lasso

    return Lasso(lam, fit_intercept=False, tol=1e-14, max_iter=100_000).fit(X, Y).coef_


def test_between_changes_of_the_support_the_next_point_is_found_without_a_pass() -> None:
    known, solved = Continuation(quadratic=True), outcome()
    for lam in (0.01, 0.009):
        solved = outcome()
        known.keep(problem_at(lam), solved, point_at(lasso(lam)))
    begin = known.begin(problem_at(0.008), (problem_at(0.009), solved))
    assert begin is not None
    expected = point_at(lasso(0.008))
    np.testing.assert_allclose(begin.coef, expected.coef, atol=1e-9)
    np.testing.assert_allclose(begin.gradient, expected.gradient, atol=1e-9)
    assert begin.loss == pytest.approx(expected.loss, rel=1e-9)
    assert objective(problem_at(0.008), begin) <= objective(problem_at(0.008), known_last(known))


def known_last(known: Continuation) -> Point:
    return known._solved[-1].point


def test_a_worse_guess_is_not_taken() -> None:
    known, solved = Continuation(quadratic=True), outcome()
    known.keep(problem_at(0.5), outcome(), point_at(np.array([5.0, 5.0, 5.0])))
    last = point_at(lasso(0.1))
    known.keep(problem_at(0.1), solved, last)
    assert known.begin(problem_at(0.09), (problem_at(0.1), solved)) is last


def test_what_is_not_the_last_solution_is_measured() -> None:
    known, solved = Continuation(quadratic=True), outcome()
    assert known.begin(problem_at(0.1), None) is None
    known.keep(problem_at(0.2), solved, point_at(lasso(0.2)))
    assert known.begin(problem_at(0.1), (problem_at(0.2), outcome())) is None


def test_now_and_then_scores_are_measured_anew() -> None:
    known, solved = Continuation(quadratic=False), outcome()
    begun = []
    for _ in range(20):
        known.keep(problem_at(0.2), solved, point_at(lasso(0.2)))
        begun.append(known.begin(problem_at(0.1), (problem_at(0.2), solved)))
    assert sum(point is None for point in begun) == 1
