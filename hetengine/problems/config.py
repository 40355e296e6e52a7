"""What a user may ask for under ``problem``: checked when built, before any data is read."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hetengine.errors import UsageError, did_you_mean

#: Sides each problem can be solved on; the first is what ``side=auto`` takes (ridge: see below).
SIDES: dict[str, tuple[str, ...]] = {
    "lasso": ("primal",),
    "elastic_net": ("primal",),
    "ridge": ("primal", "dual"),
    "svm": ("dual",),
    "squared_hinge": ("dual",),
    "logistic": ("dual",),
}

#: Problems whose labels are -1 and +1.
CLASSIFICATION = ("svm", "squared_hinge", "logistic")

#: Used where neither ``lam`` nor ``lam_ratio`` is given.
DEFAULT_LAM_RATIO = 0.1


def _positive(key: str, value: float | None) -> None:
    if value is not None and not (math.isfinite(value) and value > 0):
        raise UsageError(
            f"problem.{key}={value} must be finite and greater than 0, for instance {key}=0.1"
        )


@dataclass(frozen=True, slots=True)
class ProblemConfig:
    """One linear model to fit: which objective, how strongly regularised, from which side.

    Attributes
    ----------
    name : str
        One of ``lasso``, ``elastic_net``, ``ridge``, ``svm``, ``squared_hinge``, ``logistic``.
    lam : float or None
        Regularisation strength in the units of the mean loss.
    lam_ratio : float or None
        The same as a fraction of `hetengine.problems.lambda_max`. At most one of ``lam`` and
        ``lam_ratio`` may be set; where both are None, ``lam_ratio`` is 0.1.
    l1_ratio : float
        Elastic net only: share of the l1 penalty, in (0, 1].
    intercept : bool
        Fit a constant: unpenalised on the primal side, regularised (a constant feature, as in
        LIBLINEAR) on the dual side.
    side : {'auto', 'primal', 'dual'}
        Coordinates are features (primal) or examples (dual). ``auto`` takes the only side a
        problem has; for ridge the one with fewer coordinates, primal if there is an intercept.

    Raises
    ------
    UsageError
        If a value is not allowed; the message says what is.
    """

    name: str = "svm"
    lam: float | None = None
    lam_ratio: float | None = None
    l1_ratio: float = 0.5
    intercept: bool = False
    side: str = "auto"

    def __post_init__(self) -> None:
        if self.name not in SIDES:
            raise UsageError(f"problem.name={self.name!r}; {did_you_mean(self.name, SIDES)}")
        _positive("lam", self.lam)
        _positive("lam_ratio", self.lam_ratio)
        if self.lam is not None and self.lam_ratio is not None:
            raise UsageError(
                f"problem.lam={self.lam} and problem.lam_ratio={self.lam_ratio} are both set; "
                "allowed: one of them; add problem.lam=null or problem.lam_ratio=null"
            )
        if not 0 < self.l1_ratio <= 1:
            raise UsageError(
                f"problem.l1_ratio={self.l1_ratio} must be in (0, 1]; "
                "for no l1 penalty type problem=ridge"
            )
        self._check_side()

    def _check_side(self) -> None:
        sides = ("auto", *SIDES[self.name])
        if self.side not in sides:
            raise UsageError(
                f"problem.side={self.side!r} for problem {self.name}; "
                f"{did_you_mean(self.side, sides)}"
            )
        if self.name == "ridge" and self.side == "dual" and self.intercept:
            raise UsageError(
                "problem.side=dual with problem.intercept=true would penalise ridge's intercept; "
                "type problem.side=primal or problem.intercept=false"
            )

    def side_for(self, rows: int, columns: int) -> str:
        """Return the side to solve on, ``auto`` resolved.

        Parameters
        ----------
        rows, columns : int
            Examples and features of the data.

        Returns
        -------
        str
            ``'primal'`` or ``'dual'``.
        """
        if self.side != "auto":
            return self.side
        if self.name == "ridge":
            return "primal" if self.intercept or columns <= rows else "dual"
        return SIDES[self.name][0]
