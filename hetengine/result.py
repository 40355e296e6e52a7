"""What a run returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from hetengine.predictions import LinearModels
from hetengine.record.metrics import COLUMNS, MetricsRow


@dataclass(frozen=True)
class Result(LinearModels):
    """A model with its certificate and the history of the run.

    Attributes
    ----------
    w : ndarray of shape (n_features,), float64
        Coefficients; empty where no numerics were run (``mode=dry``).
    intercept : float
        Intercept, 0 if none was fitted.
    objective : float
        Objective at the model.
    duality_gap, relative_gap : float
        Certified gap, and the same over the absolute objective.
    certificate : str
        Kind of certificate.
    status : {'converged', 'max_rounds', 'max_seconds', 'stalled', 'diverged', 'interrupted'}
        Why the run ended; ``stalled``: the gap has not fallen for long, because the precision is
        at its end; ``interrupted``: Ctrl-C, after which the last certified model was kept.
    rounds : int
        Rounds done.
    seconds : float
        On the run's clock.
    metrics : list of MetricsRow
        One row per certificate.
    summary : dict
        What ``summary.json`` holds.
    directory : pathlib.Path or None
        Where the files are; None if none were written.
    labels : tuple of float or None
        For classifiers, the labels of the negative and the positive class.
    """

    w: np.ndarray
    intercept: float
    objective: float
    duality_gap: float
    relative_gap: float
    certificate: str
    status: str
    rounds: int
    seconds: float
    metrics: list[MetricsRow] = field(default_factory=list, repr=False)
    summary: dict[str, Any] = field(default_factory=dict, repr=False)
    directory: Path | None = None
    labels: tuple[float, float] | None = None

    table: ClassVar[str] = "metrics.csv"
    columns: ClassVar[tuple[str, ...]] = COLUMNS
    default_metric: ClassVar[str] = "relative_gap"
    broken: ClassVar[bool] = False

    @property
    def converged(self) -> bool:
        """Whether the tolerance was reached."""
        return self.status == "converged"

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what ``model.npz`` holds."""
        arrays = {"w": self.w, "intercept": np.asarray(self.intercept, np.float64)}
        if self.labels is not None:
            arrays["labels"] = np.asarray(self.labels, np.float64)
        return arrays

    def _linear(self) -> tuple[np.ndarray, float]:
        return self.w, self.intercept
