"""Real data: the objective of scikit-learn, celer or liblinear to a millionth, and fewer bytes.

Every reference is computed here, by another solver than ours, from the same float64 data.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator, cg
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

import hetengine
from hetengine.data.config import DataConfig
from hetengine.data.dataset import Dataset
from hetengine.data.labels import binary_labels
from hetengine.data.load import load_dataset
from hetengine.result import Result
from tests.engine.reference import Model, objective

pytestmark = pytest.mark.shared
MILLIONTH = 1e-6


def load(**keys: Any) -> Dataset:
    return load_dataset(DataConfig(**keys), np.float64, 0)


@pytest.fixture(scope="session")
def leukemia(shared: Path) -> Dataset:
    path = str(shared / "data" / "gene-expression" / "leukemia.bz2")
    return load(name="svmlight", path=path, layout="dense", standardize=True)


@pytest.fixture(scope="session")
def adult(shared: Path) -> Dataset:
    return load(name="adult")


@pytest.fixture(scope="session")
def imdb(shared: Path) -> Dataset:
    """Counts of words, and stars from 1 to 10."""
    return load(name="svmlight", path=str(shared / "data" / "text" / "imdb_train.svm.bz2"))


def fit(X: Any, y: np.ndarray, problem: str, lam: float, *overrides: str) -> Result:
    """Train at a quarter of the memory the data would take, and expect to get there."""
    words = ["memory_fraction=0.25", *overrides]
    result = hetengine.fit(X, y, problem, lam, tol=9e-7, topology="cpu_limited", overrides=words)
    assert result.status == "converged"
    return result


def check(result: Result, name: str, lam: float, X: Any, y: np.ndarray, coef: np.ndarray) -> None:
    """Compare with another solver's coefficients by the formula of the objective."""
    ours = objective(name, lam, X, y, Model(result.w))
    theirs = objective(name, lam, X, y, Model(coef))
    assert result.objective == pytest.approx(ours, rel=1e-6)
    assert ours == pytest.approx(theirs, rel=MILLIONTH)
    # Nobody can be below a certified bound.
    assert theirs >= ours - result.duality_gap - 1e-9 * abs(ours)


@pytest.mark.parametrize("ratio", [0.1, 0.01])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_lasso_on_leukemia(leukemia: Dataset, ratio: float, precision: str) -> None:
    from celer import Lasso

    X, y = leukemia.X, leukemia.y
    lam = float(ratio * np.abs(X.T @ y).max() / y.size)
    result = fit(X, y, "lasso", lam, f"precision={precision}")
    reference = Lasso(alpha=lam, fit_intercept=False, tol=1e-12, max_iter=1000)
    check(result, "lasso", lam, X, y, reference.fit(np.asfortranarray(X), y).coef_)


@pytest.mark.parametrize("lam", [1e-3, 1e-4])
@pytest.mark.parametrize("name", ["svm", "squared_hinge", "logistic"])
def test_classifiers_on_adult(adult: Dataset, name: str, lam: float) -> None:
    X, (y, _) = adult.X, binary_labels(adult.y, "adult")
    result = fit(X, y, name, lam)
    C = 1 / (lam * y.size)
    tight: dict[str, Any] = {"fit_intercept": False, "max_iter": 1_000_000}
    if name == "svm":
        reference = LinearSVC(loss="hinge", C=C, tol=1e-5, **tight)
    elif name == "squared_hinge":
        classifier: Any = LinearSVC
        reference = classifier(C=C / 2, dual=False, tol=1e-8, **tight)
    else:
        reference = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-9, **tight)
    check(result, name, lam, X, y, np.ravel(reference.fit(X, y).coef_))


def test_svm_on_imdb(imdb: Dataset) -> None:
    y, lam = np.where(imdb.y > 5, 1.0, -1.0), 1e-3
    # Half of the memory holds the support, a third of the rows.
    result = fit(imdb.X, y, "svm", lam, "memory_fraction=0.5")
    reference = LinearSVC(
        loss="hinge", C=1 / (lam * y.size), tol=5e-5, fit_intercept=False, max_iter=1_000_000
    )
    check(result, "svm", lam, imdb.X, y, np.ravel(reference.fit(imdb.X, y).coef_))


def test_ridge_on_the_stars_of_imdb(imdb: Dataset) -> None:
    X, y, lam = imdb.X, imdb.y, 10.0
    result = fit(X, y, "ridge", lam)

    def normal(v: np.ndarray) -> np.ndarray:
        return X.T @ (X @ v) / y.size + lam * v

    operator: Any = LinearOperator((X.shape[1],) * 2, matvec=normal, dtype=np.float64)  # pyright: ignore
    coef, failed = cg(operator, X.T @ y / y.size, rtol=1e-10, maxiter=10_000)
    assert failed == 0
    check(result, "ridge", lam, X, y, coef)


def test_gap_selection_moves_a_fifth_of_the_bytes_of_any_baseline(leukemia: Dataset) -> None:
    X, y = leukemia.X, leukemia.y
    lam = float(0.1 * np.abs(X.T @ y).max() / y.size)

    def train(selection: str, epochs: int, rounds: int) -> tuple[str, int]:
        words = ["mode=simulate", "memory_fraction=0.25", "precision=float32"]
        words += [f"solver.selection={selection}", f"solver.inner_epochs={epochs}"]
        words += ["solver.refresh=0.2", f"max_rounds={rounds}"]
        result = hetengine.fit(X, y, "lasso", lam, topology="cpu_limited", overrides=words)
        moved = sum(result.summary[f"bytes_{way}"] for way in ("host_to_device", "device_to_host"))
        return result.status, moved

    epochs = (3, 10, 30)
    ours = [train("gap", count, 1000) for count in epochs]
    assert {status for status, _ in ours} == {"converged"}
    least = min(moved for _, moved in ours)
    for selection in ("sequential", "random", "importance"):
        for count in epochs:
            # Stopped early: one that has moved five times as much on the way has lost already.
            _, moved = train(selection, count, 25)
            assert moved >= 5 * least, (selection, count)
