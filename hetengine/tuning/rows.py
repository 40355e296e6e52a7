"""The rows of ``path.csv``: one per point of a path."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PathRow:
    """One point of a path.

    Attributes
    ----------
    point : int
        Counted from 1, the strongest penalty first.
    lam, C : float
        Strength of the penalty in units of the mean loss, and ``1 / (rows lam)``.
    objective, gap, relative_gap : float
        Objective, certified duality gap, and that over the absolute objective.
    n_nonzero : int
        Coefficients that are not 0.
    rounds : int
        Rounds of this point.
    seconds : float
        On the run's clock, this point alone.
    seconds_total : float
        Since the start of the path.
    bytes_host_to_device, bytes_device_to_host : int
        Bytes moved for this point.
    status : str
        As that of a run.
    certificate : str
        Kind of certificate.
    score_mean, score_std : float
        Over the folds; NaN where nothing was held out.
    fold : int
        Part held out, from 1; 0 where all examples were used.
    """

    point: int
    lam: float
    C: float
    objective: float
    gap: float
    relative_gap: float
    n_nonzero: int
    rounds: int
    seconds: float
    seconds_total: float
    bytes_host_to_device: int
    bytes_device_to_host: int
    status: str
    certificate: str
    score_mean: float = math.nan
    score_std: float = math.nan
    fold: int = 0

    @property
    def round(self) -> int:
        """Rounds of this point."""
        return self.rounds

    def describe(self) -> str:
        """Return one line about the point."""
        fold = f"fold {self.fold}  " if self.fold else ""
        return (
            f"{fold}point {self.point}  lam {self.lam:.4g}  nonzero {self.n_nonzero}  "
            f"relative gap {self.relative_gap:.2e}  rounds {self.rounds}  {self.seconds:.2f} s"
        )


COLUMNS = tuple(
    field.name
    for field in dataclasses.fields(PathRow)
    if field.name not in ("fold", "score_mean", "score_std")
)
"""Header of ``path.csv``."""

CV_COLUMNS = (*COLUMNS, "score_mean", "score_std")
"""Header of ``path.csv`` of a cross-validation."""
