"""From what the user asked for and the data to one problem in coordinate form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from hetengine.errors import DataError, UsageError
from hetengine.problems.config import CLASSIFICATION, DEFAULT_LAM_RATIO, ProblemConfig
from hetengine.problems.kinds import Kind
from hetengine.problems.lambda_max import lambda_max, normalised_weights
from hetengine.problems.matrix import Columns, Matrix, ShapeColumns, columns_of
from hetengine.problems.offset import feature_offsets, moved
from hetengine.problems.problem import CoordinateProblem
from hetengine.problems.row_matrix import RowMatrix, rows_of
from hetengine.problems.strength import check_strength, per_coordinate

Vector = NDArray[np.float64]

_DUAL_KINDS = {
    "ridge": Kind.SQUARED,
    "svm": Kind.HINGE,
    "squared_hinge": Kind.SQUARED_HINGE,
    "logistic": Kind.LOGISTIC,
}


def make_problem(
    config: ProblemConfig,
    X: Matrix,
    y: ArrayLike,
    weights: ArrayLike | None = None,
    dtype: DTypeLike = np.float32,
    by_row: bool = False,
) -> CoordinateProblem:
    """Return the coordinate form of one problem on one data set.

    Parameters
    ----------
    config : ProblemConfig
    X : ndarray or SciPy sparse array, shape (N, P)
        Used as it lies where its layout and dtype already fit.
    y : array_like, shape (N,)
        Numbers for regression; -1 and +1 for classification.
    weights : array_like, shape (N,), optional
        Example weights; scaled to mean 1, so that the loss is a weighted mean.
    dtype : float32 or float64
        Type of the stored matrix; everything else is float64. With an unpenalised
        intercept, dense features far from 0 are moved near it; other data with such features are
        stored in float64 on the primal side by row.
    by_row : bool
        Leave the data in rows whatever the side, for solvers that pass over examples; otherwise
        they are laid out by coordinate.

    Returns
    -------
    CoordinateProblem

    Raises
    ------
    DataError
        If labels or weights do not fit the data or the loss.
    UsageError
        If lambda cannot be derived, or it or the matrix cannot be represented.
    """
    labels = _checked_labels(config, X, y)
    X, dtype, offsets = _near_zero(config, X, np.dtype(dtype), by_row)
    scale = None if weights is None else normalised_weights(weights, labels.size)
    lam = _strength(config, X, labels, scale)
    check_strength(lam, dtype)
    if config.side_for(*X.shape) == "primal":
        problem = _primal(config, lam, X, labels, scale, dtype, by_row)
        return problem if offsets is None else replace(problem, offsets=offsets)
    columns: Columns
    if by_row:
        columns = rows_of(X, "dual", dtype, config.intercept, by_feature=config.name != "svm")
    else:
        ones = np.ones(labels.size) if config.intercept else None
        columns = columns_of(X, "dual", dtype, append=ones)
    importance = np.ones(labels.size) if scale is None else scale
    return _dual(config, lam, columns, labels, importance / labels.size)


def make_shape_problem(
    config: ProblemConfig,
    rows: int,
    columns: int,
    density: float = 1.0,
    dtype: DTypeLike = np.float32,
    by_row: bool = False,
) -> CoordinateProblem:
    """Return a problem of the right sizes and no data, for ``mode=dry``.

    Parameters
    ----------
    config : ProblemConfig
        Where it gives no ``lam``, lambda_max counts as 1.
    rows, columns : int
        N and P.
    density : float
        Share of stored entries; 1 is dense.
    dtype : float32 or float64
    by_row : bool
        As for `make_problem`.

    Returns
    -------
    CoordinateProblem
        With `ShapeColumns`, labels 1 and equal weights.
    """
    lam = config.lam or config.lam_ratio or DEFAULT_LAM_RATIO
    extra = int(config.intercept)
    side = config.side_for(rows, columns)
    shape: Columns
    if by_row:
        stored = ShapeColumns(rows, columns, np.dtype(dtype), density)
        shape = RowMatrix(stored, side, config.intercept)
    elif side == "dual":
        shape = ShapeColumns(rows, columns + extra, np.dtype(dtype), density)
    else:
        shape = ShapeColumns(columns + extra, rows, np.dtype(dtype), density)
    if side == "dual":
        return _dual(config, lam, shape, np.ones(rows), np.full(rows, 1 / rows))
    direction = np.ones(rows) if config.intercept else None
    products = np.zeros(columns + extra) if config.intercept else None
    return _penalised(config, lam, shape, np.zeros(rows), direction, products)


def _checked_labels(config: ProblemConfig, X: Matrix, y: ArrayLike) -> Vector:
    labels = np.asarray(y, dtype=np.float64)
    if labels.shape != (X.shape[0],):
        raise DataError(
            f"y of shape {labels.shape} must have one label for each of {X.shape[0]} rows"
        )
    bad = np.flatnonzero(~np.isfinite(labels))
    if bad.size:
        raise DataError(f"y[{bad[0]}]={labels[bad[0]]} must be finite ({bad.size} such labels)")
    if config.name in CLASSIFICATION:
        bad = np.flatnonzero(np.abs(labels) != 1)
        if bad.size:
            raise DataError(
                f"y[{bad[0]}]={labels[bad[0]]:g} does not fit {config.name}; allowed: -1 and +1 "
                f"({bad.size} other labels); for numbers type problem=ridge or problem=lasso"
            )
    return labels


def _near_zero(
    config: ProblemConfig, X: Matrix, dtype: np.dtype, by_row: bool
) -> tuple[Matrix, np.dtype, Vector | None]:
    """Return data and a type in which products with them are exact enough, and what was taken off.

    A store is read as it is, and on the dual side the intercept is penalised: moving the data would
    be another problem. Solvers by row in float64 need neither, nor does float64 help coordinate
    steps over data that stay where they are.
    """
    if config.side_for(*X.shape) == "dual" or hasattr(X, "stored_columns"):
        return X, dtype, None
    movable, exact = config.intercept and not hasattr(X, "tocsr"), dtype == np.float64
    if (exact and by_row) if movable else (exact or not by_row):
        return X, dtype, None
    offsets = feature_offsets(X)
    if offsets is None:
        return X, dtype, None
    if not movable:
        return X, np.dtype(np.float64), None
    return moved(np.asarray(X), offsets, dtype), dtype, offsets


def _strength(config: ProblemConfig, X: Matrix, labels: Vector, scale: Vector | None) -> float:
    """Return lambda, resolved from ``lam_ratio`` where it is not given."""
    if config.lam is not None:
        return config.lam
    share = DEFAULT_LAM_RATIO if config.lam_ratio is None else config.lam_ratio
    largest = lambda_max(config.name, X, labels, scale, config.intercept, config.l1_ratio)
    if not largest > 0:
        raise UsageError(
            f"problem.lam_ratio={share} of lambda_max={largest}: no feature correlates with the "
            "labels; set problem.lam instead"
        )
    return share * largest


def _primal(
    config: ProblemConfig,
    lam: float,
    X: Matrix,
    labels: Vector,
    scale: Vector | None,
    dtype: DTypeLike,
    by_row: bool,
) -> CoordinateProblem:
    root = None if scale is None else np.sqrt(scale)
    target = labels if root is None else root * labels
    if by_row:
        rows = rows_of(X, "primal", dtype, config.intercept, root, by_feature=True)
        ones = np.ones(labels.size) if root is None else root
        direction = ones if config.intercept else None
        # What belongs to the constant is measured in the solver's first pass over the rows.
        products = np.zeros(rows.count) if config.intercept else None
        return _penalised(config, lam, rows, target, direction, products)
    if not config.intercept:
        columns = columns_of(X, "primal", dtype, row_scale=root)
        return _penalised(config, lam, columns, target, None, None)
    constant = np.ones(labels.size) if root is None else root
    # The certificate must centre by the column the kernels see, so take its stored rounding.
    direction = constant.astype(dtype).astype(np.float64)
    columns = columns_of(X, "primal", dtype, append=direction, row_scale=root)
    return _penalised(config, lam, columns, target, direction, columns.dot(direction))


def _penalised(
    config: ProblemConfig,
    lam: float,
    columns: Columns,
    target: Vector,
    direction: Vector | None,
    products: Vector | None,
) -> CoordinateProblem:
    share = {"lasso": 1.0, "elastic_net": config.l1_ratio, "ridge": 0.0}[config.name]
    l1, l2 = lam * share, lam * (1 - share)
    pinned = np.arange(columns.count - config.intercept, columns.count, dtype=np.int64)
    p, q = (per_coordinate(part, columns, pinned) for part in (l1, l2))
    return CoordinateProblem(
        name=config.name,
        side="primal",
        kind=Kind.PENALTY,
        columns=columns,
        smoothness=1 / target.size,
        target=target,
        p=p,
        q=q,
        lam=lam,
        rows=target.size,
        features=columns.count - config.intercept,
        l1=l1,
        l2=l2,
        intercept=config.intercept,
        intercept_direction=direction,
        intercept_products=products,
        pinned=pinned,
    )


def _dual(
    config: ProblemConfig, lam: float, columns: Columns, labels: Vector, importance: Vector
) -> CoordinateProblem:
    return CoordinateProblem(
        name=config.name,
        side="dual",
        kind=_DUAL_KINDS[config.name],
        columns=columns,
        smoothness=1 / lam,
        target=np.zeros(columns.length),
        p=labels,
        q=importance,
        lam=lam,
        rows=labels.size,
        features=columns.length - config.intercept,
        intercept=config.intercept,
    )
