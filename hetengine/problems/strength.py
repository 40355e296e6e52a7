"""The same problem with another strength of the penalty, over the same data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hetengine.errors import UsageError
from hetengine.problems.matrix import Columns, RowMatrix
from hetengine.problems.numeric import Vector
from hetengine.problems.problem import CoordinateProblem

#: Of lambda, by the type of the matrix. The model and the bounds of coordinates grow as 1 / lam,
#: and in float32 their squares have to be numbers; whatever the precision, gaps, which also grow
#: as 1 / lam, are ranked in float32, and up to 1e8 times that are numbers there.
_LEAST = {np.dtype(np.float32): float(np.finfo(np.float32).tiny) ** 0.5, np.dtype(float): 1e-30}


def check_strength(lam: float, dtype: np.dtype) -> None:
    """Refuse a lambda that the type a problem is solved in cannot cope with.

    Parameters
    ----------
    lam : float
        Regularisation strength.
    dtype : float32 or float64
        Of the matrix.

    Raises
    ------
    UsageError
        With what is allowed.
    """
    least, most = _LEAST[dtype], float(np.finfo(dtype).max)
    if not least <= lam <= most:
        hint = "precision=float64 or " if dtype == np.float32 else ""
        raise UsageError(
            f"problem.lam={lam:g} cannot be solved for in {dtype}; allowed: {least:.2g} to "
            f"{most:.2g}; type {hint}another problem.lam"
        )


def at_strength(problem: CoordinateProblem, lam: float) -> CoordinateProblem:
    """Return a problem that differs in lambda alone; the matrix is shared.

    A solution of one is a feasible start for the other: bounds of dual coordinates do not depend on
    lambda, and the shared vector of the same alpha is unchanged on the primal side and grows by
    ``problem.lam / lam`` on the dual side.

    Parameters
    ----------
    problem : CoordinateProblem
    lam : float
        Regularisation strength, greater than 0.

    Returns
    -------
    CoordinateProblem

    Raises
    ------
    UsageError
        If the type of the matrix cannot cope with lambda.
    """
    check_strength(lam, problem.columns.dtype)
    if problem.side == "dual":
        return replace(problem, lam=lam, smoothness=1 / lam)
    l1, l2 = (lam * (part / problem.lam) for part in (problem.l1, problem.l2))
    p, q = (per_coordinate(part, problem.columns, problem.pinned) for part in (l1, l2))
    return replace(problem, lam=lam, l1=l1, l2=l2, p=p, q=q)


def per_coordinate(strength: float, columns: Columns, pinned: NDArray[np.int64]) -> Vector:
    """Return one strength of a penalty for every coordinate, 0 for those that are not penalised.

    Parameters
    ----------
    strength : float
    columns : Columns
        Of the problem.
    pinned : ndarray of int64
        Coordinates without penalty.

    Returns
    -------
    ndarray of float64, shape (n,)
        Not to be written to. Where no kernel reads it, by row, one number stands for all of them if
        they are the same: a vector of this length may take as much as a sizeable part of the data.
    """
    if isinstance(columns, RowMatrix) and pinned.size == 0:
        return np.broadcast_to(np.float64(strength), columns.count)
    values = np.full(columns.count, strength)
    values[pinned] = 0.0
    return values
