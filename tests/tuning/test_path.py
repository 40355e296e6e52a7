"""Paths against scikit-learn, against cold starts, and on every placement."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, enet_path, lasso_path
from sklearn.svm import LinearSVC

import hetengine
from hetengine.errors import DataError, UsageError

ROWS, FEATURES = 120, 18
CAPPED = ("memory_fraction=0.5", "solver.refresh=0.2", "solver.selection=gap")


def make_data(classes: bool = False, sparse: bool = False, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((ROWS, FEATURES))
    X[:, 3] = 0.0
    X *= rng.random(X.shape) < (0.4 if sparse else 1.0)
    y = X[:, :5] @ np.array([2.0, -1.0, 1.0, 0.5, -0.5]) + 0.5 * rng.standard_normal(ROWS)
    if classes:
        y = np.where(y + 0.8 * rng.standard_normal(ROWS) > 0, 1.0, -1.0)
    return (scipy.sparse.csr_array(X) if sparse else X), y


@pytest.mark.parametrize("sparse", [False, True])
def test_a_lasso_path_is_that_of_scikit_learn(sparse: bool) -> None:
    X, y = make_data(sparse=sparse)
    found = hetengine.path(X, y, "lasso", points=12, ratio=1e-2, tol=1e-10)
    alphas, coefs, _ = lasso_path(X, y, alphas=found.lams, tol=1e-12, max_iter=100_000)  # pyright: ignore[reportArgumentType]
    np.testing.assert_allclose(found.lams, alphas)
    np.testing.assert_allclose(found.coefs, coefs.T, atol=1e-6)
    assert found.converged
    assert (found.relative_gaps <= 1e-10).all()
    assert found.n_nonzero[0] == 0 < found.n_nonzero[-1]


def test_an_elastic_net_path_is_that_of_scikit_learn() -> None:
    X, y = make_data()
    words = ["problem.l1_ratio=0.3"]
    found = hetengine.path(X, y, "elastic_net", points=8, tol=1e-11, overrides=words)
    _, coefs, _ = enet_path(X, y, l1_ratio=0.3, alphas=found.lams, tol=1e-12, max_iter=100_000)  # pyright: ignore[reportArgumentType]
    np.testing.assert_allclose(found.coefs, coefs.T, atol=1e-6)
    assert found.n_nonzero[0] == 0


def test_a_path_over_c_of_logistic_regression_is_that_of_scikit_learn() -> None:
    X, y = make_data(classes=True)
    found = hetengine.path(X, y, "logistic", Cs=[10.0, 0.01, 0.3], tol=1e-11)
    np.testing.assert_allclose(found.Cs, [0.01, 0.3, 10.0])
    for C, coef in zip(found.Cs, found.coefs, strict=True):
        peer = LogisticRegression(C=C, fit_intercept=False, tol=1e-10, max_iter=10_000).fit(X, y)
        np.testing.assert_allclose(coef, peer.coef_[0], atol=1e-4)


@pytest.mark.parametrize(
    ("problem", "loss"), [("svm", "hinge"), ("squared_hinge", "squared_hinge")]
)
def test_a_path_over_c_of_a_linear_svm_is_that_of_scikit_learn(problem: str, loss: str) -> None:
    X, y = make_data(classes=True)
    # LIBLINEAR's squared hinge lacks the factor 1/2.
    factor = 2.0 if problem == "squared_hinge" else 1.0
    found = hetengine.path(X, y, problem, Cs=[0.003, 0.03, 0.3], tol=1e-9)
    for C, coef in zip(found.Cs, found.coefs, strict=True):
        peer = LinearSVC(
            C=C / factor,
            loss=loss,
            fit_intercept=False,
            dual=True,  # pyright: ignore[reportArgumentType]
            tol=1e-9,
            max_iter=1_000_000,
        )
        np.testing.assert_allclose(coef, peer.fit(X, y).coef_[0], atol=1e-4)


@pytest.mark.parametrize(
    "problem", ["lasso", "elastic_net", "ridge", "svm", "squared_hinge", "logistic"]
)
@pytest.mark.parametrize("place", ["cpu", "capped"])
def test_warm_points_are_as_good_as_cold_ones(problem: str, place: str) -> None:
    classes = problem in ("svm", "squared_hinge", "logistic")
    X, y = make_data(classes)
    topology, words = ("cpu", ()) if place == "cpu" else ("cpu_limited", CAPPED)
    found = hetengine.path(
        X, y, problem, points=6, ratio=0.02, tol=1e-6, topology=topology, overrides=words
    )
    assert found.converged
    for lam, objective, gap in zip(found.lams, found.objectives, found.gaps, strict=True):
        cold = hetengine.fit(X, y, problem, lam=lam, tol=1e-10)
        best = cold.objective - cold.duality_gap
        assert -1e-9 * abs(objective) <= objective - best <= gap + cold.duality_gap + 1e-12


@pytest.mark.parametrize("share", [0.0, 2.0])
def test_a_model_of_all_rows_or_of_a_sample_leads_to_the_same_path(
    monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    from hetengine.solvers.resident import models

    monkeypatch.setattr(models, "_WHOLE_ENTRIES", 1000)
    monkeypatch.setattr(models, "_SAMPLE_ROWS", 256)
    monkeypatch.setattr(models, "_PANEL_SHARE", share)
    rng = np.random.default_rng(4)
    X = rng.standard_normal((3000, 150)) + rng.standard_normal((3000, 1))
    y = X[:, :40] @ rng.standard_normal(40) + rng.standard_normal(3000)
    found = hetengine.path(X, y, points=15, ratio=1e-2, tol=1e-9, intercept=True)
    centred = X - X.mean(axis=0)
    _, coefs, _ = lasso_path(centred, y - y.mean(), alphas=found.lams, tol=1e-12, max_iter=100_000)  # pyright: ignore[reportArgumentType]
    assert found.converged
    np.testing.assert_allclose(found.coefs, coefs.T, atol=1e-5)


def test_warm_points_need_fewer_passes_than_cold_ones() -> None:
    X, y = make_data()
    found = hetengine.path(X, y, points=30, ratio=1e-2, tol=1e-6)
    cold = [hetengine.fit(X, y, "lasso", lam=lam, tol=1e-6).rounds for lam in found.lams]
    assert found.rounds < 0.7 * sum(cold)


@given(
    seed=st.integers(0, 1000),
    problem=st.sampled_from(["lasso", "ridge", "svm", "logistic"]),
    lams=st.lists(st.floats(1e-3, 2.0), min_size=1, max_size=4, unique=True),
    intercept=st.booleans(),
)
@settings(max_examples=12)
def test_any_strengths_in_any_order_give_certified_models(
    seed: int, problem: str, lams: list[float], intercept: bool
) -> None:
    X, y = make_data(problem in ("svm", "logistic"), seed=seed)
    found = hetengine.path(X, y, problem, lams=lams, tol=1e-5, intercept=intercept)
    assert list(found.lams) == sorted(lams, reverse=True)
    assert found.converged
    assert (found.gaps <= 1e-5 * np.abs(found.objectives)).all()
    last = hetengine.fit(X, y, problem, lam=min(lams), tol=1e-9, intercept=intercept)
    assert abs(found.objective - last.objective) <= found.gaps[-1] + last.duality_gap + 1e-12


@pytest.mark.parametrize("problem", ["lasso", "svm", "logistic"])
def test_columns_stay_on_the_accelerator_between_points(problem: str) -> None:
    X, y = make_data(problem != "lasso")
    lams = np.geomspace(0.5, 0.3, 5) * (1.0 if problem == "lasso" else 0.05)
    options: dict[str, Any] = {"topology": "cpu_limited", "tol": 1e-3, "overrides": CAPPED}
    options["overrides"] = ("memory_fraction=2", *CAPPED[1:])
    found = hetengine.path(X, y, problem, lams=list(lams), **options)
    warm = [row.bytes_host_to_device for row in found.metrics]
    cold = [
        hetengine.path(X, y, problem, lams=[lam], **options).metrics[0].bytes_host_to_device
        for lam in lams
    ]
    assert warm[0] == cold[0] > 0
    assert sum(warm[1:]) < 0.6 * sum(cold[1:])


def test_executed_and_simulated_paths_are_the_same() -> None:
    X, y = make_data()
    runs = [
        hetengine.path(
            X, y, points=6, tol=1e-6, topology="cpu_limited", overrides=[*CAPPED, f"mode={mode}"]
        )
        for mode in ("execute", "simulate")
    ]
    np.testing.assert_array_equal(runs[0].coefs, runs[1].coefs)
    assert [row.bytes_host_to_device for row in runs[0].metrics] == [
        row.bytes_host_to_device for row in runs[1].metrics
    ]


def test_sample_weights_count_as_repetitions() -> None:
    X, y = make_data()
    counts = np.random.default_rng(1).integers(1, 4, ROWS)
    weighted = hetengine.path(X, y, points=5, tol=1e-9, sample_weight=counts, intercept=True)
    repeated = hetengine.path(
        np.repeat(X, counts, 0),
        np.repeat(y, counts),
        lams=list(weighted.lams),
        tol=1e-9,
        intercept=True,
    )
    np.testing.assert_allclose(weighted.coefs, repeated.coefs, atol=1e-5)
    np.testing.assert_allclose(weighted.intercepts, repeated.intercepts, atol=1e-5)


def test_all_points_predict() -> None:
    X, y = make_data(classes=True)
    labels = np.where(y > 0, 7.0, 3.0)
    found = hetengine.path(X, labels, "svm", points=4)
    predicted = found.predict(X)
    assert predicted.shape == (ROWS, 4)
    assert set(np.unique(predicted)) <= {3.0, 7.0}
    assert (predicted[:, -1] == labels).mean() > 0.8
    with pytest.raises(DataError, match="18 coefficients"):
        found.predict(X[:, :5])


def test_a_path_out_of_time_keeps_its_points() -> None:
    X, y = make_data()
    words = ["mode=simulate", *CAPPED]
    whole = hetengine.path(X, y, points=6, tol=1e-6, topology="cpu_limited", overrides=words)
    limit = whole.metrics[2].seconds_total
    cut = hetengine.path(
        X,
        y,
        points=6,
        tol=1e-6,
        topology="cpu_limited",
        overrides=[*words, f"max_seconds={limit}"],
    )
    assert cut.status == "max_seconds"
    assert 3 <= cut.points < 6
    np.testing.assert_array_equal(cut.coefs[:3], whole.coefs[:3])


def interrupt_at(monkeypatch: pytest.MonkeyPatch, point: int, error: BaseException) -> None:
    """Let the solver of the capped path raise when it comes to a point."""
    from hetengine.solvers.duhl import Duhl

    solve, calls = Duhl.solve, iter(range(1000))

    def stopped(self: Duhl, *args: Any) -> Any:
        if next(calls) == point:
            raise error
        return solve(self, *args)

    monkeypatch.setattr(Duhl, "solve", stopped)


@pytest.mark.parametrize(
    ("error", "status"),
    [(KeyboardInterrupt(), "interrupted"), (UsageError("it broke"), "failed")],
)
def test_an_interrupted_path_keeps_its_points(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, status: str
) -> None:
    X, y = make_data()
    run: Callable[[], Any] = lambda: hetengine.path(  # noqa: E731
        X, y, points=6, tol=1e-5, topology="cpu_limited", overrides=CAPPED
    )
    interrupt_at(monkeypatch, 3, error)
    found = run()
    assert (found.status, found.points, found.coefs.shape) == (status, 3, (3, FEATURES))
    assert found.broken == (status == "failed")
    interrupt_at(monkeypatch, 0, error)
    with pytest.raises(type(error)):
        run()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"points": 0}, "path.points=0"),
        ({"ratio": 2.0}, "path.ratio=2.0"),
        ({"lams": [1.0, 1.0]}, "twice"),
        ({"lams": [1.0, -1.0]}, "greater than 0"),
        ({"lams": []}, "0 values"),
        ({"Cs": [1.0]}, "path.Cs is for svm"),
        ({"lams": [1.0], "problem": "svm", "Cs": [1.0]}, "both set"),
        ({"overrides": ["problem.lam=1"]}, "problem.lam=1.0 has no effect"),
        ({"overrides": ["mode=dry"]}, "mode=dry"),
        ({"overrides": ["path.points=3"]}, "arguments of their own"),
    ],
)
def test_wrong_use_is_told_before_anything_runs(options: dict[str, Any], message: str) -> None:
    X, y = make_data()
    with pytest.raises(UsageError, match=message):
        hetengine.path(X, y, **options)


def test_values_that_are_not_finite_are_found() -> None:
    X, y = make_data()
    X[5, 2] = np.nan
    with pytest.raises(DataError, match=r"\(row 5|X\[5|row 5"):
        hetengine.path(X, y, points=3)


@pytest.fixture(autouse=True)
def _peers_may_grumble():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
