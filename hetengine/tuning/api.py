"""Paths and cross-validation from Python, on arrays in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np

from hetengine.api import composed_for, recorded
from hetengine.arguments import check_linear, number, numbers, whole, words_beside_arrays
from hetengine.config import RunConfig
from hetengine.data.convert import dataset_of
from hetengine.data.dataset import Dataset
from hetengine.errors import UsageError
from hetengine.tuning import cross_validation
from hetengine.tuning import path as along
from hetengine.tuning.config import CvConfig, PathConfig, check_tuning
from hetengine.tuning.result import CvResult, PathResult

Splits = Iterable[tuple[Any, Any]]


def path(
    X: Any,
    y: Any,
    problem: str = "lasso",
    points: int = 100,
    ratio: float = 1e-3,
    tol: float = 1e-4,
    threads: int = 1,
    topology: str = "cpu",
    *,
    lams: Sequence[float] | None = None,
    Cs: Sequence[float] | None = None,
    sample_weight: Any = None,
    intercept: bool = False,
    overrides: Sequence[str] = (),
) -> PathResult:
    """Train linear models for falling strengths of the penalty, each from the one before.

    Parameters
    ----------
    X : array or SciPy sparse array, shape (rows, columns)
        Examples. Float64 is solved in float64 throughout, everything else in float32.
    y : array, shape (rows,)
        Labels or targets.
    problem, topology : str
        Config group options.
    points, ratio : int and float
        How many strengths, geometric from lambda_max down to this share of it.
    tol, threads : float and int
        Relative duality gap to reach at every point; threads of each device.
    lams, Cs : sequence of float, optional
        Strengths in units of the mean loss, or for classifiers ``C = 1 / (rows lam)``, instead.
    sample_weight : array, shape (rows,), optional
        Scaled to mean 1.
    intercept, overrides : bool and sequence of str
        Fit a constant; words as on the command line.

    Returns
    -------
    PathResult
        Interrupted by Ctrl-C, with the points computed so far and the status ``interrupted``.

    Raises
    ------
    DataError, UsageError
        If the arrays or the settings cannot be used.

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((200, 20))
    >>> result = path(X, X[:, 0] - X[:, 1], problem="lasso", points=5)
    >>> result.n_nonzero
    array([0, 2, 2, 2, 2])
    """
    strengths = _strengths(points, ratio, lams, Cs)
    config = _config(X, problem, topology, tol, threads, intercept, overrides)
    config = replace(config, path=strengths)
    check_tuning(config)
    dataset = _dataset(config, X, y, sample_weight)
    return recorded(config, lambda recorder: along.run(config, recorder, dataset), None)


def cross_validate(
    X: Any,
    y: Any,
    problem: str = "lasso",
    folds: int | Splits = 5,
    seed: int = 0,
    points: int = 100,
    ratio: float = 1e-3,
    tol: float = 1e-4,
    threads: int = 1,
    topology: str = "cpu",
    *,
    lams: Sequence[float] | None = None,
    Cs: Sequence[float] | None = None,
    score: str = "auto",
    rule: str = "best",
    sample_weight: Any = None,
    intercept: bool = False,
    overrides: Sequence[str] = (),
) -> CvResult:
    """Choose the strength of the penalty by cross-validation over a path.

    Parameters
    ----------
    X, y, problem, points, ratio, tol, threads, topology, lams, Cs, sample_weight
        As for `path`. With ``Cs``, C is the same on every fold; otherwise lam is.
    folds : int or iterable of tuple of array_like
        How many parts are held out in turn, at random (stratified for classifiers); or row numbers.
    seed : int
        Seeds the folds and the order of epochs.
    score, rule : {'auto', 'mse', 'accuracy', 'log_loss'} and {'best', 'one_se'}
        See `hetengine.tuning.config.CvConfig`.
    intercept, overrides : bool and sequence of str
        As for `path`.

    Returns
    -------
    CvResult
        With the model of the chosen point, fitted to all examples.

    Raises
    ------
    DataError, UsageError
        As for `path`.

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((200, 20))
    >>> cross_validate(X, X[:, 0] + X[:, 1] ** 2, points=10).w.shape
    (20,)
    """
    given = None if isinstance(folds, Integral) else _splits(folds)
    settings = CvConfig(int(folds) if isinstance(folds, Integral) else 5, score, rule)
    config = _config(X, problem, topology, tol, threads, intercept, overrides)
    strengths = _strengths(points, ratio, lams, Cs)
    config = replace(config, path=strengths, cv=settings, seed=whole("seed", seed))
    check_tuning(config)
    dataset = _dataset(config, X, y, sample_weight)
    return recorded(config, lambda each: cross_validation.run(config, each, dataset, given), None)


def _config(
    X: Any,
    problem: str,
    topology: str,
    tol: float,
    threads: int,
    intercept: bool,
    overrides: Sequence[str],
) -> RunConfig:
    overrides = words_beside_arrays(overrides)
    check_linear(problem)
    precision = "float64" if getattr(X, "dtype", None) == np.float64 else "float32"
    words = [f"problem={problem}", f"topology={topology}", "progress=none"]
    words += [f"problem.intercept={intercept}", f"precision={precision}", "solver.selection=auto"]
    config = composed_for((*words, *overrides), tol, None, threads)
    if config.path is not None:
        raise UsageError(
            "overrides: path and cv have arguments of their own, such as points=50 and folds=5"
        )
    return config


def _dataset(config: RunConfig, X: Any, y: Any, sample_weight: Any) -> Dataset:
    return dataset_of(X, y, sample_weight, dtype=np.dtype(config.precision))


def _strengths(points: Any, ratio: Any, lams: Any, Cs: Any) -> PathConfig:
    return PathConfig(
        whole("points", points), number("ratio", ratio), numbers("lams", lams), numbers("Cs", Cs)
    )


def _splits(folds: Any) -> Splits:
    if isinstance(folds, str) or not isinstance(folds, Iterable):
        raise UsageError(
            f"folds={folds!r} must be a whole number, for instance folds=5, or pairs of row "
            "numbers, those to train on and those held out"
        )
    return folds
