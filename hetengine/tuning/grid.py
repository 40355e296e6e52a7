"""The strengths of a path, strongest first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hetengine.data.dataset import Dataset
from hetengine.data.labels import binary_labels
from hetengine.errors import UsageError
from hetengine.problems import ProblemConfig, lambda_max
from hetengine.problems.config import CLASSIFICATION
from hetengine.tuning.config import PathConfig

Vector = NDArray[np.float64]


class Grid:
    """Strengths that hold for all examples, and what becomes of them on a part of these.

    Parameters
    ----------
    lams : ndarray of float64, shape (points,)
        Strengths for all examples, falling.
    rows : int
        How many examples that is.
    fixed : {'lam', 'C'}
        What stays the same where there are fewer examples.

    Attributes
    ----------
    lams, Cs : ndarray of float64, shape (points,)
        For all examples; ``C = 1 / (rows lam)``.
    """

    def __init__(self, lams: Vector, rows: int, fixed: str) -> None:
        self.lams = lams
        self.Cs = 1.0 / (rows * lams)
        self._rows = rows
        self._fixed = fixed

    def on(self, rows: int) -> Vector:
        """Return the strengths for a number of examples.

        Parameters
        ----------
        rows : int
            Examples in the mean loss.
        """
        return self.lams if self._fixed == "lam" else self.lams * (self._rows / rows)


def make_grid(path: PathConfig, problem: ProblemConfig, dataset: Dataset) -> Grid:
    """Return the strengths a config asks for.

    Parameters
    ----------
    path : PathConfig
    problem : ProblemConfig
    dataset : Dataset
        From which lambda_max follows where no strengths are given.

    Raises
    ------
    UsageError
        If lambda_max is 0, so that nothing follows from it.
    """
    if path.Cs is not None:
        given = np.sort(np.asarray(path.Cs, np.float64))
        return Grid(1.0 / (dataset.rows * given), dataset.rows, "C")
    if path.lams is not None:
        return Grid(np.sort(np.asarray(path.lams, np.float64))[::-1], dataset.rows, "lam")
    y = dataset.y
    if problem.name in CLASSIFICATION:
        y, _ = binary_labels(y, dataset.name)
    largest = lambda_max(
        problem.name, dataset.X, y, dataset.weights, problem.intercept, problem.l1_ratio
    )
    if not (largest > 0 and np.isfinite(largest)):
        raise UsageError(
            f"path: lambda_max={largest}: no feature correlates with the labels; set path.lams"
        )
    shares = np.geomspace(1.0, path.ratio, path.points) if path.points > 1 else np.ones(1)
    return Grid(largest * shares, dataset.rows, "lam")
