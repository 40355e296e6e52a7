"""What can be set under ``path`` and ``cv``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hetengine.errors import UsageError, did_you_mean
from hetengine.problems.config import CLASSIFICATION, ProblemConfig

if TYPE_CHECKING:
    from hetengine.config import RunConfig

SCORES = ("auto", "mse", "accuracy", "log_loss")
RULES = ("best", "one_se")
MOST_POINTS = 10_000


@dataclass
class PathConfig:
    """Strengths of the penalty, from strong to weak.

    Attributes
    ----------
    points : int
        How many, evenly spaced on a logarithmic scale from `hetengine.problems.lambda_max`.
    ratio : float
        The smallest over the largest, above 0 and at most 1.
    lams : list of float, or None
        Strengths in units of the mean loss, in any order, instead.
    Cs : list of float, or None
        For classifiers, ``C = 1 / (rows lam)``, in any order, instead. In cross-validation C stays
        the same on every fold, and with ``lams`` and grids lam does.
    """

    points: int = 100
    ratio: float = 1e-3
    lams: list[float] | None = None
    Cs: list[float] | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.points <= MOST_POINTS:
            raise UsageError(f"path.points={self.points} must be from 1 to {MOST_POINTS}")
        if not 0.0 < self.ratio <= 1.0:
            raise UsageError(
                f"path.ratio={self.ratio} must be above 0 and at most 1, for instance 1e-3"
            )
        if self.lams is not None and self.Cs is not None:
            raise UsageError("path.lams and path.Cs are both set; leave one of the two out")
        for key in ("lams", "Cs"):
            _check_list(f"path.{key}", getattr(self, key))


@dataclass
class CvConfig:
    """Cross-validation over the points of a path.

    Attributes
    ----------
    folds : int
        Parts that are held out in turn: shuffled by the run's seed, stratified for classifiers.
    score : {'auto', 'mse', 'accuracy', 'log_loss'}
        What is measured on the part held out. ``auto`` is ``log_loss`` for ``logistic``,
        ``accuracy`` for the other classifiers and ``mse``, the mean squared error, for regression.
    rule : {'best', 'one_se'}
        Which point the model is taken from: that of the best mean score, or the strongest penalty
        whose mean score is within one standard error of it.
    """

    folds: int = 5
    score: str = "auto"
    rule: str = "best"

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise UsageError(f"cv.folds={self.folds} must be at least 2")
        for key, allowed in (("score", SCORES), ("rule", RULES)):
            value = getattr(self, key)
            if value not in allowed:
                raise UsageError(f"cv.{key}={value!r}; {did_you_mean(value, allowed)}")


def score_name(cv: CvConfig, problem: str) -> str:
    """Return the score that is measured, ``auto`` resolved.

    Parameters
    ----------
    cv : CvConfig
    problem : str
        Problem name.
    """
    if cv.score != "auto":
        return cv.score
    if problem == "logistic":
        return "log_loss"
    return "accuracy" if problem in CLASSIFICATION else "mse"


def check_tuning(config: RunConfig) -> None:
    """Refuse what a path or a cross-validation cannot do, before any data are read.

    Parameters
    ----------
    config : RunConfig
        Composed; of a linear model where a path is asked for.

    Raises
    ------
    UsageError
        With what to type instead.
    """
    path, cv, problem = config.path, config.cv, config.problem
    if path is None and cv is None:
        return
    if path is None:
        raise UsageError("cv: cross-validation goes over a path; add path=grid")
    if not isinstance(problem, ProblemConfig):
        raise UsageError(
            f"path: problem={problem.name} is a net and has no strength to vary; leave path out"
        )
    for key in ("lam", "lam_ratio"):
        value = getattr(problem, key)
        if value is not None:
            raise UsageError(
                f"problem.{key}={value} has no effect on a path; type path.lams=[{value:g}] or "
                "leave it out"
            )
    if path.Cs is not None and problem.name not in CLASSIFICATION:
        raise UsageError(
            f"path.Cs is for {', '.join(CLASSIFICATION)}; for {problem.name} type path.lams=[...]"
        )
    if config.mode.name == "dry":
        raise UsageError("path: mode=dry computes no models to go on from; type mode=simulate")
    if config.data.name in ("store", "shape"):
        raise UsageError(
            f"path: data={config.data.name} is not in memory; train one strength at a time with "
            "hetengine problem.lam=..., or load the examples with data=npz"
        )
    if cv is not None:
        _check_score(cv, problem.name)


def _check_score(cv: CvConfig, problem: str) -> None:
    name = score_name(cv, problem)
    fits = (name == "mse") != (problem in CLASSIFICATION)
    if not fits or (name == "log_loss" and problem != "logistic"):
        allowed = {"logistic": "log_loss, accuracy"}.get(
            problem, "accuracy" if problem in CLASSIFICATION else "mse"
        )
        raise UsageError(f"cv.score={name} does not fit {problem}; allowed: {allowed}")


def _check_list(key: str, values: Sequence[float] | None) -> None:
    if values is None:
        return
    if not 1 <= len(values) <= MOST_POINTS:
        raise UsageError(f"{key} has {len(values)} values; allowed: 1 to {MOST_POINTS}")
    for value in values:
        if not (math.isfinite(value) and value > 0):
            raise UsageError(f"{key}: {value} must be finite and greater than 0")
    if len(set(values)) < len(values):
        raise UsageError(f"{key} names a value twice; give each once")
