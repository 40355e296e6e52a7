"""The separable terms ``g_i``, vectorised in float64: the reference every kernel is tested against.

Every function takes a `Kind` and arrays (or numbers) that broadcast; what ``p`` and ``q`` mean is
said there. ``bound`` is used by `Kind.PENALTY` alone, where ``q = 0 < p``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hetengine.problems import hinge, logistic, penalty, squared, squared_hinge
from hetengine.problems.kinds import Kind
from hetengine.problems.numeric import Vector, stripes


@dataclass(frozen=True, slots=True)
class _Term:
    project: Callable[[ArrayLike, ArrayLike, ArrayLike], Vector]
    value: Callable[[ArrayLike, ArrayLike, ArrayLike], Vector]
    conjugate: Callable[[ArrayLike, ArrayLike, ArrayLike, float], Vector]
    gap: Callable[[ArrayLike, ArrayLike, ArrayLike, ArrayLike, float], Vector]
    update: Callable[[ArrayLike, ArrayLike, ArrayLike, ArrayLike, ArrayLike], Vector]


_TERMS = {
    kind: _Term(module.project, module.value, module.conjugate, module.gap, module.update)
    for kind, module in (
        (Kind.PENALTY, penalty),
        (Kind.SQUARED, squared),
        (Kind.HINGE, hinge),
        (Kind.SQUARED_HINGE, squared_hinge),
        (Kind.LOGISTIC, logistic),
    )
}


def term_project(kind: Kind, a: ArrayLike, p: ArrayLike, q: ArrayLike) -> Vector:
    """Return the nearest point of the domain of ``g``.

    Parameters
    ----------
    kind : Kind
    a, p, q : array_like

    Returns
    -------
    ndarray of float64
        a itself where all numbers are feasible.
    """
    return _TERMS[kind].project(a, p, q)


def term_value(kind: Kind, a: ArrayLike, p: ArrayLike, q: ArrayLike) -> Vector:
    """Return ``g(a)``.

    Parameters
    ----------
    kind : Kind
    a, p, q : array_like

    Returns
    -------
    ndarray of float64
        inf outside the domain; values outside by a rounding of float32 count as on the bound.
    """
    return _TERMS[kind].value(a, p, q)


def term_conjugate(
    kind: Kind, u: ArrayLike, p: ArrayLike, q: ArrayLike, bound: float = 0.0
) -> Vector:
    """Return ``g*(-u)``; on the dual side this is the loss of one example at score u.

    Parameters
    ----------
    kind : Kind
    u, p, q : array_like
    bound : float
        Box ``|a| <= bound`` of the lasso.

    Returns
    -------
    ndarray of float64
    """
    return _TERMS[kind].conjugate(u, p, q, bound)


def term_gap(
    kind: Kind, a: ArrayLike, u: ArrayLike, p: ArrayLike, q: ArrayLike, bound: float = 0.0
) -> Vector:
    """Return ``a u + g(a) + g*(-u)``, the coordinate's share of the duality gap.

    By Fenchel and Young it is never negative, and 0 exactly where a is optimal given u (Duenner
    et al. 2017, equation 5).

    Parameters
    ----------
    kind : Kind
    a, u, p, q : array_like
    bound : float
        Box ``|a| <= bound`` of the lasso.

    Returns
    -------
    ndarray of float64
    """
    return _TERMS[kind].gap(a, u, p, q, bound)


def total_value(kind: Kind, a: ArrayLike, p: Vector, q: Vector) -> float:
    """Return the sum of `term_value`, with no vector in between.

    Parameters
    ----------
    kind : Kind
    a : array_like, shape (n,)
    p, q : ndarray of float64, shape (n,)
    """
    whole = np.asarray(a, dtype=np.float64)
    return sum(float(term_value(kind, whole[s], p[s], q[s]).sum()) for s in stripes(whole.size))


def total_gap(
    kind: Kind, a: ArrayLike, u: ArrayLike, p: Vector, q: Vector, bound: float = 0.0
) -> float:
    """Return the sum of `term_gap`, with no vector in between.

    Parameters
    ----------
    kind : Kind
    a, u : array_like, shape (n,)
    p, q : ndarray of float64, shape (n,)
    bound : float
        Box ``|a| <= bound`` of the lasso.
    """
    whole, products = np.asarray(a, dtype=np.float64), np.asarray(u, dtype=np.float64)
    return sum(
        float(term_gap(kind, whole[s], products[s], p[s], q[s], bound).sum())
        for s in stripes(whole.size)
    )


def coordinate_update(
    kind: Kind, a: ArrayLike, u: ArrayLike, h: ArrayLike, p: ArrayLike, q: ArrayLike
) -> Vector:
    """Return the minimiser over x of ``u (x - a) + h/2 (x - a)^2 + g(x)``, in closed form.

    (Logistic: by Newton steps to rounding.)

    Parameters
    ----------
    kind : Kind
    a : array_like
        Current coordinate.
    u : array_like
        ``a_i . w``.
    h : array_like
        Curvature ``L ||a_i||^2``. Where it is 0 (an empty column) the minimiser of
        ``u x + g(x)``; a itself where every x is one.
    p, q : array_like

    Returns
    -------
    ndarray of float64
        The new coordinate.
    """
    return _TERMS[kind].update(a, u, h, p, q)
