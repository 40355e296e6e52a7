"""Safe screening: coordinates whose optimal value one certificate already proves.

The dual optimum lies within ``r = sqrt(2 L gap)`` of any feasible dual point, so that
``|a_i . w*  - a_i . theta| <= ||a_i|| r`` (Ndiaye et al., Gap Safe screening rules, JMLR 2017;
Shibagaki et al., simultaneous safe screening, ICML 2016, for examples).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hetengine.problems.certificate import Certificate
from hetengine.problems.kinds import Kind
from hetengine.problems.problem import CoordinateProblem

Vector = NDArray[np.float64]


def safe_to_drop(
    problem: CoordinateProblem,
    certificate: Certificate,
    alpha: ArrayLike,
    u: ArrayLike,
    square_norms: ArrayLike,
    reach: ArrayLike | None = None,
    part: slice = slice(None),
) -> tuple[NDArray[np.bool_], Vector]:
    """Return which coordinates are settled, and the values they settle at.

    Lasso and elastic net: ``|u_i| + ||a_i|| r < l1`` proves 0. Hinge: ``m - ||x|| r > 1`` proves
    0 and ``m + ||x|| r < 1`` proves the bound c; squared hinge: the first proves 0. Ridge and
    logistic settle nothing. To drop a coordinate, set it to its value and correct w for the change.

    Parameters
    ----------
    problem : CoordinateProblem
    certificate : Certificate
        Of this very snapshot.
    alpha, u : array_like, shape (n,)
        As given to `certify` (u not centred, not rescaled).
    square_norms : array_like, shape (n,)
        ``||a_i||^2``.
    reach : array_like, shape (n,), optional
        How far each entry of u may be off, as given to `certify`.
    part : slice
        Which n of the problem's coordinates all of these are about; by default all.

    Returns
    -------
    mask : ndarray of bool, shape (n,)
        Never true for an unpenalised intercept.
    values : ndarray of float64, shape (n,)
        Optimal value where the mask is true, alpha elsewhere.
    """
    values = np.array(alpha, dtype=np.float64)
    off = 0.0 if reach is None else np.asarray(reach, dtype=np.float64)
    room = np.sqrt(np.asarray(square_norms, dtype=np.float64))
    room *= _radius(problem, certificate)
    room += abs(certificate.dual_scale) * off
    p, q, scores = problem.p[part], problem.q[part], np.asarray(u, dtype=np.float64)
    if problem.intercept_products is not None:
        scores = scores - certificate.dual_shift * problem.intercept_products[part]
    scores = certificate.dual_scale * scores
    if problem.kind is Kind.PENALTY:
        np.abs(scores, out=scores)
        scores += room
        zero = (scores < p) & (p > 0)
        upper = np.zeros_like(zero)
    elif problem.kind in (Kind.HINGE, Kind.SQUARED_HINGE):
        margins = p * scores
        zero = margins - room > 1
        upper = (margins + room < 1) & (problem.kind is Kind.HINGE)
    else:
        zero = upper = np.zeros(values.size, dtype=bool)
    values[zero] = 0.0
    values[upper] = (p * q)[upper]
    return zero | upper, values


def _radius(problem: CoordinateProblem, certificate: Certificate) -> float:
    """Return r, with room for the rounding of the gap and of every product ``a_i . w``.

    Without it a margin of 1 + 1 ulp would fix a free support vector. ``||w||`` is at most
    ``sqrt(2 L P)``; a dot product of length d is off by at most ``d eps ||a_i|| ||w||``.
    """
    if not math.isfinite(certificate.gap):
        return math.inf
    relative = (64 + problem.length + problem.count) * np.finfo(np.float64).eps
    size = abs(certificate.objective)
    radius = math.sqrt(2 * problem.smoothness * (certificate.gap + relative * size))
    return radius + relative * math.sqrt(2 * problem.smoothness * size)
