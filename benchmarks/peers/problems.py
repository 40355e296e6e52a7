"""The problems, their data and the objective that judges every solver, in float64."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_BLOCK_ROWS = 4096


@dataclass(frozen=True, slots=True)
class Spec:
    """One problem; nobody fits a constant.

    Attributes
    ----------
    kind : {'lasso', 'ridge', 'svm', 'logistic'}
        Lasso and ridge: ``1/(2N) ||y - Xw||^2`` plus ``lam ||w||_1`` or ``lam/2 ||w||^2``; hinge
        and logistic: the mean loss plus ``lam/2 ||w||^2``.
    data : str
        Name of the data set.
    strength : float
        lam; of lasso as a share of lambda_max.
    """

    kind: str
    data: str
    strength: float


PROBLEMS = {
    "P1a": Spec("lasso", "dense_regression", 0.1),
    "P1b": Spec("lasso", "dense_regression", 0.01),
    "P2": Spec("svm", "dense_classes", 1e-4),
    "P3": Spec("logistic", "dense_classes", 1e-4),
    "P4s": Spec("svm", "sparse_classes", 2e-6),
    "P4l": Spec("logistic", "sparse_classes", 2e-6),
    "P5": Spec("ridge", "dense_regression", 1e-3),
    "R1s": Spec("svm", "imdb", 4e-5),
    "R1l": Spec("logistic", "imdb", 4e-5),
    "R2": Spec("lasso", "leukemia", 0.1),
}


@dataclass(frozen=True, eq=False)
class Problem:
    """One problem on its data.

    Attributes
    ----------
    name, kind : str
    X : ndarray of float32, C order, or csr_matrix of float32, shape (N, P)
    y : ndarray of float32, shape (N,)
    lam : float
    """

    name: str
    kind: str
    X: Any
    y: NDArray[np.float32]
    lam: float

    @property
    def sparse(self) -> bool:
        """Whether X stores only entries that are not zero."""
        return not isinstance(self.X, np.ndarray)

    @property
    def rows(self) -> int:
        """N."""
        return self.X.shape[0]

    @property
    def columns(self) -> int:
        """P."""
        return self.X.shape[1]

    def head(self, rows: int) -> Problem:
        """Return the same problem on the first rows."""
        return Problem(self.name, self.kind, self.X[:rows], self.y[:rows], self.lam)

    def scores(self, w: ArrayLike) -> NDArray[np.float64]:
        """Return ``X w`` in float64."""
        model = np.asarray(w, np.float64).ravel()
        result = np.empty(self.rows)
        for first in range(0, self.rows, _BLOCK_ROWS):
            block = slice(first, first + _BLOCK_ROWS)
            result[block] = self.X[block].astype(np.float64) @ model
        return result

    def products(self, weights: ArrayLike) -> NDArray[np.float64]:
        """Return ``X^T weights`` in float64."""
        vector, result = np.asarray(weights, np.float64), np.zeros(self.columns)
        for first in range(0, self.rows, _BLOCK_ROWS):
            block = slice(first, first + _BLOCK_ROWS)
            result += self.X[block].astype(np.float64).T @ vector[block]
        return result

    def objective(self, w: ArrayLike) -> float:
        """Return the objective at a model, in float64."""
        model = np.asarray(w, np.float64).ravel()
        scores, y = self.scores(model), self.y.astype(np.float64)
        if self.kind in ("lasso", "ridge"):
            loss = float(np.mean((y - scores) ** 2)) / 2
        elif self.kind == "svm":
            loss = float(np.mean(np.maximum(0.0, 1.0 - y * scores)))
        else:
            loss = float(np.mean(np.logaddexp(0.0, -y * scores)))
        norm = np.abs(model).sum() if self.kind == "lasso" else 0.5 * float(model @ model)
        return loss + self.lam * float(norm)


def load(name: str, cache: Path) -> Problem:
    """Read one problem as `benchmarks.peers.data` has written it.

    Parameters
    ----------
    name : str
    cache : Path
        Folder of the data.
    """
    spec = PROBLEMS[name]
    stem = cache / spec.data
    y = np.load(f"{stem}.y.npy")
    X: Any
    if Path(f"{stem}.X.npy").exists():
        X = np.load(f"{stem}.X.npy")
    else:
        from scipy.sparse import csr_matrix

        parts = tuple(np.load(f"{stem}.{part}.npy") for part in ("data", "indices", "indptr"))
        X = csr_matrix(parts, shape=tuple(np.load(f"{stem}.shape.npy")))
    lam = spec.strength
    if spec.kind == "lasso":
        lam *= json.loads(Path(f"{stem}.json").read_text())["lambda_max"]
    return Problem(name, spec.kind, X, y, lam)
