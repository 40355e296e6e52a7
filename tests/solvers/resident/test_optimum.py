"""Every problem reaches a certified optimum, and its certificate is that of the reference."""

from __future__ import annotations

import numpy as np
import pytest

from hetengine.problems import certify, make_problem
from hetengine.problems.config import ProblemConfig
from tests.solvers.resident.harness import PROBLEMS, build, make_data, solve

over_problems = pytest.mark.parametrize("name", PROBLEMS)
over_layouts = pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])


def true_certificate(problem, outcome):
    """The certificate from float64 products alone."""
    u = problem.columns.dot(outcome.w)
    return certify(problem, outcome.alpha, outcome.w, u, problem.shared_vector(outcome.alpha))


@over_problems
@over_layouts
@pytest.mark.parametrize("intercept", [False, True], ids=["plain", "intercept"])
def test_a_true_certificate_confirms_the_optimum(name: str, sparse: bool, intercept: bool) -> None:
    problem = build(name, make_data(name, sparse=sparse), intercept=intercept)
    outcome = solve(problem).outcome
    assert outcome.status == "converged"
    assert outcome.certificate.relative_gap <= 1e-8
    if intercept and problem.side == "primal":
        by_column = make_problem(
            ProblemConfig(name, lam=0.02, intercept=True), *make_data(name, sparse=sparse),
            dtype=np.float64,
        )  # fmt: skip
        checked = true_certificate(by_column, outcome)
    else:
        checked = true_certificate(problem, outcome)
    assert checked.relative_gap <= 3e-8
    assert outcome.certificate.objective == pytest.approx(checked.objective, rel=1e-9)


@over_problems
@over_layouts
def test_weights_count_as_repetitions(name: str, sparse: bool) -> None:
    X, y = make_data(name, rows=400, sparse=sparse)
    times = np.random.default_rng(1).integers(0, 4, size=y.size)
    weighted = solve(build(name, (X, y), weights=times.astype(float))).outcome
    repeated = solve(build(name, (X[np.repeat(np.arange(y.size), times)], np.repeat(y, times))))
    assert weighted.status == repeated.outcome.status == "converged"
    assert weighted.certificate.objective == pytest.approx(
        repeated.outcome.certificate.objective, rel=1e-7
    )


@over_problems
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_float32_reaches_the_optimum_of_float64(name: str, threads: int) -> None:
    data = make_data(name, rows=3000, features=40)
    exact = solve(build(name, data)).outcome.certificate
    outcome = solve(build(name, data, dtype=np.float32), threads=threads, tol=1e-5).outcome
    assert outcome.status == "converged"
    excess = outcome.certificate.objective - exact.objective
    assert -1e-7 * exact.objective <= excess <= 1.1e-5 * exact.objective


@over_problems
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_data_that_lie_by_feature_give_the_same_optimum(name: str, dtype: type) -> None:
    X, y = make_data(name, rows=3001, features=40)
    weights = np.random.default_rng(1).integers(0, 3, size=y.size).astype(float)
    by_row, by_feature = (
        solve(
            build(name, (np.array(X, dtype, order=order), y), 0.02, dtype, weights, intercept=True),
            tol=1e-5,
            threads=2,
        )
        for order in ("C", "F")
    )
    assert by_row.outcome.status == by_feature.outcome.status == "converged"
    assert by_feature.outcome.certificate.objective == pytest.approx(
        by_row.outcome.certificate.objective, rel=2e-5
    )


@pytest.mark.parametrize("name", ["lasso", "logistic", "ridge", "squared_hinge"])
def test_float32_data_give_certificates_far_below_their_own_rounding(name: str) -> None:
    problem = build(name, make_data(name, rows=3000, features=40), dtype=np.float32)
    assert solve(problem, tol=1e-8).outcome.certificate.relative_gap <= 1e-8


def test_ridge_is_the_same_from_both_sides() -> None:
    data = make_data("ridge")
    primal, dual = (solve(build("ridge", data, side=side)).outcome for side in ("primal", "dual"))
    assert primal.certificate.kind == "conjugate"
    assert dual.certificate.kind == "primal-dual"
    assert primal.alpha == pytest.approx(dual.w, abs=1e-7)


@pytest.mark.parametrize("name", ["lasso", "elastic_net"])
def test_more_features_than_examples(name: str) -> None:
    problem = build(name, make_data(name, rows=60, features=900), lam=0.05)
    outcome = solve(problem).outcome
    assert outcome.status == "converged"
    assert true_certificate(problem, outcome).relative_gap <= 3e-8


@pytest.mark.parametrize("name", ["svm", "logistic"])
def test_labels_in_order_do_not_matter(name: str) -> None:
    X, y = make_data(name, rows=2000)
    order = np.argsort(y)
    assert solve(build(name, (X[order], y[order])), threads=2).outcome.status == "converged"


def test_equal_examples_do_not_make_threads_overshoot() -> None:
    X, y = make_data("svm", rows=50)
    X, y = np.repeat(X[:2], 2000, axis=0), np.repeat(y[:2], 2000)
    assert solve(build("svm", (X, y), lam=1e-3), threads=2).outcome.status == "converged"


@pytest.mark.parametrize("name", ["lasso", "elastic_net"])
@pytest.mark.parametrize("intercept", [False, True], ids=["plain", "intercept"])
def test_features_that_no_sampled_example_has_are_not_missed(
    name: str, intercept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hetengine.solvers.resident.models._WHOLE_ENTRIES", 0)
    monkeypatch.setattr("hetengine.solvers.resident.models._SAMPLE_ROWS", 128)
    X, y = make_data(name, rows=3000)
    X[:, 5] = 0.0
    X[70:75, 5] = 30.0
    y[70:75] += 100.0
    problem = build(name, (X, y), lam=0.05, intercept=intercept)
    outcome = solve(problem).outcome
    assert outcome.status == "converged"
    assert outcome.alpha[5] > 1.0
    assert true_certificate(problem, outcome).relative_gap <= 1e-7
