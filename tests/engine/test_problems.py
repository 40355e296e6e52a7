"""Every problem on every layout, precision and selection reaches scikit-learn's optimum."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

import hetengine
from hetengine.errors import DataError
from hetengine.problems import ProblemConfig, make_problem
from tests.engine.reference import DUAL, LAM, PROBLEMS, Model, best, objective, optimum, train
from tests.solvers.harness import capacity_for, make_data, topology

SIDES = [(name, "auto") for name in PROBLEMS] + [("ridge", "dual")]
SMALLEST = [
    (name, rows, features)
    for name in PROBLEMS
    for rows, features in [(1, 1), (1, 5), (5, 1), (2, 2)]
    if rows > 1 or name not in DUAL  # one row has one class only
]
SELECTIONS = ["gap", "all", "host", "sequential"]


def limited(name: str, side: str, X, y, dtype: str, intercept: bool = False):
    config = ProblemConfig(name, lam=LAM, side=side, intercept=intercept)
    return topology(1, capacity_for(make_problem(config, X, y, None, dtype), 0.5))


@pytest.mark.parametrize("selection", SELECTIONS)
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize(("name", "side"), SIDES)
def test_the_optimum_of_scikit_learn_is_reached(name, side, sparse, precision, selection) -> None:
    X, y = make_data(name, sparse)
    machine = None
    if selection in ("gap", "sequential"):
        machine = limited(name, side, X, y, precision)
    tol = 1e-8 if precision == "float64" else 1e-5
    # Alternating between blocks is slow, which is the point of choosing by gap.
    tol = 1e-4 if selection == "sequential" else tol
    result, _ = train(
        name, X, y, side=side, precision=precision, tol=tol, machine=machine, selection=selection
    )
    assert result.status == "converged"
    assert result.relative_gap <= tol
    reached = objective(name, LAM, X, y, Model(result.w))
    allowed = max(1e-6, 1.2 * tol)
    assert reached == pytest.approx(best(name, sparse), rel=allowed)
    # The certificate is honest: the objective is that of the model, the bound below the optimum.
    assert result.objective == pytest.approx(reached, rel=1e-7 if precision == "float32" else 1e-11)
    assert result.objective - result.duality_gap <= best(name, sparse) * (1 + 1e-7)
    assert result.w.dtype == np.float64


@pytest.mark.parametrize("selection", ["gap", "host"])
@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_intercept_and_weights(name, sparse, weighted, selection) -> None:
    X, y = make_data(name, sparse)
    weights = np.random.default_rng(1).integers(0, 4, y.size).astype(float) if weighted else None
    machine = limited(name, "auto", X, y, "float64", True) if selection == "gap" else None
    result, _ = train(
        name,
        X,
        y,
        weights=weights,
        intercept=True,
        machine=machine,
        selection=selection,
        tol=1e-9,
    )
    assert result.status == "converged"
    expected = optimum(name, LAM, X, y, True, weights)
    reached = objective(name, LAM, X, y, Model(result.w, result.intercept), weights)
    assert reached == pytest.approx(objective(name, LAM, X, y, expected, weights), rel=1e-6)
    assert result.objective == pytest.approx(reached, rel=1e-11)
    assert result.intercept != 0.0
    if name not in DUAL:
        assert result.intercept == pytest.approx(expected.intercept, rel=1e-3)
    assert result.w.shape == (X.shape[1],)


@pytest.mark.parametrize("name", DUAL)
def test_weights_count_like_copies_and_nothing(name: str) -> None:
    X, y = make_data(name, False)
    weights = np.random.default_rng(1).integers(0, 3, y.size).astype(float)
    copies = np.repeat(np.arange(y.size), weights.astype(int))
    weighted, _ = train(name, X, y, weights=weights)
    copied, _ = train(name, X[copies], y[copies])
    assert weighted.objective == pytest.approx(copied.objective, rel=1e-7)


@pytest.mark.parametrize("selection", ["gap", "random", "importance", "host"])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_empty_rows_and_columns_do_no_harm(name, sparse, selection) -> None:
    X, y = make_data(name, sparse)
    X = X.toarray() if sparse else X
    X[5:9] = 0.0
    X[:, -2:] = 0.0
    X = scipy.sparse.csr_array(X) if sparse else X
    for side in ("primal", "dual") if name == "ridge" else ("auto",):
        machine = limited(name, side, X, y, "float64")
        tol = 1e-4 if selection in ("random", "importance") else 1e-7
        result, _ = train(name, X, y, side=side, machine=machine, selection=selection, tol=tol)
        assert result.status == "converged"
        expected = objective(name, LAM, X, y, optimum(name, LAM, X, y))
        assert result.objective == pytest.approx(expected, rel=max(1e-6, 1.2 * tol))
        assert (result.w[[2, -2, -1]] == 0).all()


@pytest.mark.parametrize("selection", ["gap", "all", "host", "sequential"])
@pytest.mark.parametrize(("name", "rows", "features"), SMALLEST)
def test_the_smallest_data(name: str, rows: int, features: int, selection: str) -> None:
    X = np.random.default_rng(3).normal(size=(rows, features)) + 1
    y = np.where(np.arange(rows) % 2, -1.0, 1.0)
    result, _ = train(name, X, y, selection=selection, tol=1e-7)
    assert result.status == "converged"
    expected = objective(name, LAM, X, y, optimum(name, LAM, X, y))
    assert result.objective == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("problem", ["logistic", "squared_hinge", "svm"])
@pytest.mark.parametrize("big", [np.float32(1e30), np.float64(1e160)])
def test_an_entry_out_of_range_ends_a_run_whose_data_were_not_checked(problem, big) -> None:
    X = np.random.default_rng(0).standard_normal((300, 20)).astype(big.dtype)
    y = np.sign(X[:, 0])
    X[3, 3] = big
    with pytest.raises(DataError, match="the largest entry of X is"):
        hetengine.fit(X, y, problem, lam=0.01)
