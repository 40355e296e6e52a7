"""What following a path returns, and what cross-validating it adds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from hetengine.errors import UsageError
from hetengine.predictions import LinearModels
from hetengine.tuning.rows import COLUMNS, CV_COLUMNS, PathRow


@dataclass(frozen=True)
class PathResult(LinearModels):
    """The models of a path, from strong to weak penalty, each with its certificate.

    Attributes
    ----------
    lams, Cs : ndarray of float64, shape (points,)
        Strengths of the penalty in units of the mean loss, and ``1 / (rows lam)``.
    coefs : ndarray of float64, shape (points, features)
        Coefficients.
    intercepts : ndarray of float64, shape (points,)
        Constants, 0 where none was fitted.
    status : str
        ``converged``; the status of the first point that did not; or why points are missing:
        ``max_seconds``, ``diverged``, ``interrupted`` or ``failed``.
    seconds : float
        On the run's clock, all points.
    metrics : list of PathRow
        One row per point.
    error : str
        What went wrong where the status is ``failed``.
    summary : dict
        What ``summary.json`` holds.
    directory : pathlib.Path or None
        Where the files are; None if none were written.
    labels : tuple of float or None
        For classifiers, the labels of the negative and the positive class.
    """

    lams: np.ndarray = field(repr=False)
    Cs: np.ndarray = field(repr=False)
    coefs: np.ndarray = field(repr=False)
    intercepts: np.ndarray = field(repr=False)
    status: str
    seconds: float
    metrics: list[PathRow] = field(default_factory=list, repr=False)
    error: str = ""
    summary: dict[str, Any] = field(default_factory=dict, repr=False)
    directory: Path | None = None
    labels: tuple[float, float] | None = None

    table: ClassVar[str] = "path.csv"
    columns: ClassVar[tuple[str, ...]] = COLUMNS
    default_metric: ClassVar[str] = "relative_gap"

    @property
    def points(self) -> int:
        """How many points there are."""
        return len(self.metrics)

    @property
    def gaps(self) -> np.ndarray:
        """Certified duality gaps, shape (points,)."""
        return self._column("gap")

    @property
    def relative_gaps(self) -> np.ndarray:
        """Gaps over the absolute objectives, shape (points,)."""
        return self._column("relative_gap")

    @property
    def objectives(self) -> np.ndarray:
        """Objectives, shape (points,)."""
        return self._column("objective")

    @property
    def n_nonzero(self) -> np.ndarray:
        """Numbers of coefficients that are not 0, shape (points,)."""
        return self._column("n_nonzero")

    @property
    def point_rounds(self) -> np.ndarray:
        """Rounds of each point, shape (points,)."""
        return self._column("rounds")

    @property
    def point_seconds(self) -> np.ndarray:
        """Seconds of each point on the run's clock, shape (points,)."""
        return self._column("seconds")

    @property
    def rounds(self) -> int:
        """Rounds of all points."""
        return int(self.point_rounds.sum())

    @property
    def relative_gap(self) -> float:
        """The largest relative gap of all points."""
        return float(self.relative_gaps.max())

    @property
    def objective(self) -> float:
        """Objective of the last point."""
        return float(self.objectives[-1])

    @property
    def converged(self) -> bool:
        """Whether every point has reached the tolerance."""
        return self.status == "converged"

    @property
    def broken(self) -> bool:
        """Whether an error has ended the path."""
        return self.status == "failed"

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what ``model.npz`` holds."""
        arrays = {name: getattr(self, name) for name in ("lams", "Cs", "coefs", "intercepts")}
        if self.labels is not None:
            arrays["labels"] = np.asarray(self.labels, np.float64)
        return arrays

    def _linear(self) -> tuple[np.ndarray, np.ndarray | float]:
        return self.coefs, self.intercepts

    def _column(self, name: str) -> np.ndarray:
        return np.array([getattr(row, name) for row in self.metrics])


@dataclass(frozen=True)
class CvResult(PathResult):
    """A path over all examples, how its points did on the parts held out, and the model chosen.

    Attributes
    ----------
    score : str
        ``mse``, ``accuracy`` or ``log_loss``.
    scores : ndarray of float64, shape (folds, points)
        On each part held out; NaN where that was not reached.
    score_mean, score_std : ndarray of float64, shape (points,)
        Mean and sample standard deviation over the folds; NaN where one is missing.
    best, one_se : int or None
        Points of the best mean score, and of the strongest penalty within one standard error of it;
        None if no point was scored on every fold.
    rule : {'best', 'one_se'}
        Which of the two is chosen.
    """

    score: str = ""
    scores: np.ndarray = field(default_factory=lambda: np.empty((0, 0)), repr=False)
    score_mean: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)
    score_std: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)
    best: int | None = None
    one_se: int | None = None
    rule: str = "best"

    columns: ClassVar[tuple[str, ...]] = CV_COLUMNS
    default_metric: ClassVar[str] = "loss"

    @property
    def chosen(self) -> int:
        """The point of the model, counted from 0.

        Raises
        ------
        UsageError
            If no point was scored on every fold.
        """
        index = self.one_se if self.rule == "one_se" else self.best
        if index is None:
            raise UsageError(
                f"no point has been scored on every fold ({self.status}); raise max_seconds or "
                "take a model of the path from coefs"
            )
        return index

    @property
    def lam(self) -> float:
        """Strength of the penalty of the chosen point."""
        return float(self.lams[self.chosen])

    @property
    def w(self) -> np.ndarray:
        """Coefficients of the chosen point, fitted to all examples, shape (features,)."""
        return self.coefs[self.chosen]

    @property
    def intercept(self) -> float:
        """Constant of the chosen point."""
        return float(self.intercepts[self.chosen])

    @property
    def loss(self) -> float:
        """Mean score of the best point as a number to minimise: of accuracy, the error."""
        if self.best is None:
            return float("nan")
        mean = float(self.score_mean[self.best])
        return 1.0 - mean if self.score == "accuracy" else mean

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what ``model.npz`` holds."""
        arrays = {**super().arrays(), "scores": self.scores}
        if self.best is not None:
            arrays |= {"w": self.w, "intercept": np.asarray(self.intercept)}
        return arrays

    def _linear(self) -> tuple[np.ndarray, float]:
        return self.w, self.intercept
