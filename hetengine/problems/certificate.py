"""How far from optimal a point provably is: a true bound from one consistent snapshot.

``gap = O(alpha) + O*(theta) >= O(alpha) - O(alpha*)`` for a feasible dual point theta. It is
summed as ``sum_i gap_i + ||w_exact - theta||^2 / (2 L)``, terms none of which can be negative; the
last one accounts for every way in which theta differs from ``grad f(A alpha)``: drift of the shared
vector, centring for an intercept, rescaling for the lasso.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hetengine.errors import HetengineError
from hetengine.problems.numeric import stripes
from hetengine.problems.problem import CoordinateProblem
from hetengine.problems.terms import term_conjugate, term_gap, total_gap

Vector = NDArray[np.float64]

_CONSISTENCY = 1e-5


@dataclass(frozen=True, slots=True)
class Certificate:
    """An objective value and a proven bound on its distance from the optimum.

    Attributes
    ----------
    objective : float
        The user's objective at the model (coefficients alpha on the primal side, w on the dual).
    gap : float
        At least objective minus optimum, never negative.
    relative_gap : float
        ``gap / |objective|``; inf if the objective is 0 and the gap is not.
    kind : str
        ``'rescaled dual'`` (lasso), ``'conjugate'`` (elastic net and ridge on the primal side),
        ``'primal-dual'`` (dual side).
    dual_scale, dual_shift : float
        The dual point is ``dual_scale (w - dual_shift q)``, q the intercept's column.
    """

    objective: float
    gap: float
    relative_gap: float
    kind: str
    dual_scale: float = 1.0
    dual_shift: float = 0.0

    @property
    def dual_bound(self) -> float:
        """Return the proven lower bound of the optimum, objective minus gap."""
        return self.objective - self.gap


def centred(
    problem: CoordinateProblem, u: Vector, shift: float, w: Vector | None = None
) -> tuple[Vector, Vector | None]:
    """Return u and w after ``shift`` times the intercept's column is taken out of w.

    Parameters
    ----------
    problem : CoordinateProblem
    u : ndarray of float64, shape (n,)
    shift : float
    w : ndarray of float64, shape (d,), optional

    Returns
    -------
    u, w : ndarray of float64
        Unchanged where the problem has no unpenalised intercept.
    """
    direction, products = problem.intercept_direction, problem.intercept_products
    if direction is None or products is None:
        return u, w
    fresh = u - shift * products
    fresh[problem.pinned] = 0.0
    return fresh, None if w is None else w - shift * direction


def certify(
    problem: CoordinateProblem,
    alpha: ArrayLike,
    w: ArrayLike,
    u: ArrayLike,
    exact: ArrayLike | None = None,
    reach: ArrayLike | None = None,
) -> Certificate:
    """Return a certificate from one consistent snapshot (alpha, w, u).

    Parameters
    ----------
    problem : CoordinateProblem
    alpha : array_like, shape (n,)
        Coordinates; outside their bounds by rounding they are projected.
    w : array_like, shape (d,)
        Shared vector; it may have drifted from ``w0 + L A alpha`` where ``exact`` is given.
    u : array_like, shape (n,)
        ``A^T w`` of this very w, in float64 (a device's float32 products are not good enough for
        a proof).
    exact : array_like, shape (d,), optional
        ``problem.shared_vector(alpha)``; by default w is taken to be it.
    reach : array_like, shape (n,), optional
        How far each entry of u may be off, where u is known within bounds only. The gap is then
        the largest of all u within reach, and on the dual side so is the objective.

    Returns
    -------
    Certificate
        gap and relative gap are inf if the snapshot holds numbers that are not finite.

    Raises
    ------
    HetengineError
        If u is not ``A^T w`` or ``exact`` does not belong to alpha.

    References
    ----------
    Ndiaye et al., Gap Safe screening rules, JMLR 2017 (rescaled dual point); Duenner et al.,
    Primal-Dual Rates and Certificates, ICML 2016 (gaps as certificates).
    """
    w, u = np.asarray(w, dtype=np.float64), np.asarray(u, dtype=np.float64)
    alpha, exact = _projected(problem, np.asarray(alpha, dtype=np.float64), w, u, exact)
    off = np.broadcast_to(0.0 if reach is None else np.asarray(reach, dtype=np.float64), u.shape)
    if problem.side == "dual":
        if reach is None:
            return _primal_dual(problem, alpha, w, u, exact)
        return _primal_dual_within(problem, alpha, w, u, off, exact)
    shift = _shift(problem, w)
    u, theta = centred(problem, u, shift, w)
    assert theta is not None
    if problem.needs_bound:
        return _lasso(problem, alpha, theta, u, off, exact, shift)
    if reach is not None:
        u = farthest(problem, alpha, u, off, 0.0)
    gap = total_gap(problem.kind, alpha, u, problem.p, problem.q)
    gap += _distance(problem, exact, theta)
    return _certificate(problem.objective(alpha, exact), gap, "conjugate", 1.0, shift)


def _projected(
    problem: CoordinateProblem, given: Vector, w: Vector, u: Vector, exact: ArrayLike | None
) -> tuple[Vector, Vector]:
    """Return alpha within its bounds and the shared vector that belongs to it."""
    alpha = problem.project(given)
    if exact is None:
        exact = w
    else:
        exact = np.asarray(exact, dtype=np.float64)
        _check_consistent(problem, given, w, u, exact)
    if alpha is given:
        return alpha, exact
    moved = alpha - given
    if moved.any():
        exact = exact + problem.smoothness * problem.columns.combine(moved)
    return alpha, exact


def _primal_dual(
    problem: CoordinateProblem, alpha: Vector, w: Vector, u: Vector, exact: Vector
) -> Certificate:
    """Return P(beta) - D(alpha) at the model beta = w, which is exact whatever its drift."""
    losses = term_conjugate(problem.kind, u, problem.p, problem.q)
    gap = total_gap(problem.kind, alpha, u, problem.p, problem.q)
    gap += _distance(problem, exact, w)
    return _certificate(problem.smooth_value(w) + float(losses.sum()), gap, "primal-dual")


def _primal_dual_within(
    problem: CoordinateProblem, alpha: Vector, w: Vector, u: Vector, off: Vector, exact: Vector
) -> Certificate:
    """Return an upper bound of P(beta) - D(alpha), and of P(beta), for u within reach."""
    worst = farthest(problem, alpha, u, off, 0.0)
    gap = total_gap(problem.kind, alpha, worst, problem.p, problem.q)
    gap += _distance(problem, exact, w)
    objective = gap - problem.objective(alpha, exact)
    return _certificate(objective, gap, "primal-dual")


def farthest(
    problem: CoordinateProblem, alpha: ArrayLike, u: ArrayLike, reach: ArrayLike, bound: float
) -> Vector:
    """Return the u within reach at which each coordinate's gap is largest.

    A term's gap is convex in ``u_i`` (its conjugate is), so that its largest value over an interval
    is at one of the ends.

    Parameters
    ----------
    problem : CoordinateProblem
    alpha, u : array_like, shape (n,)
    reach : array_like, shape (n,)
        How far each entry of u may be off.
    bound : float
        Box of the lasso, see `CoordinateProblem.bound`.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    centre, off = np.asarray(u, dtype=np.float64), np.asarray(reach, dtype=np.float64)
    low, high = centre - off, centre + off
    below, above = (
        term_gap(problem.kind, alpha, end, problem.p, problem.q, bound) for end in (low, high)
    )
    return np.where(below > above, low, high)


def _lasso(
    problem: CoordinateProblem,
    alpha: Vector,
    w: Vector,
    u: Vector,
    off: Vector,
    exact: Vector,
    shift: float,
) -> Certificate:
    """Return the gap at the best feasible multiple of w.

    It is never above the one from the ball ``||alpha||_1 <= B = O / l1``: with excess
    ``e = max|u| - l1 > 0`` the ball pays ``B e = e f / l1 + e ||alpha||_1``, while the multiple
    ``l1 / (l1 + e)`` pays at most ``e ||alpha||_1`` in the linear part and ``e f / l1`` in the
    rest, drift included.
    """
    kind, p, q = problem.kind, problem.p, problem.q
    steepest, gap = 0.0, 0.0
    for s in stripes(u.size):
        # A number that is not one must come out: a comparison in Python would lose it.
        steepest = np.maximum(steepest, (np.abs(u[s]) + off[s])[p[s] > 0].max(initial=0.0))
    scale = _best_scale(problem, w, float(steepest))
    for s in stripes(u.size):
        # Rounding may leave |scale u| an ulp above l1, where the lasso's conjugate is infinite.
        feasible = np.clip(scale * (u[s] + np.copysign(off[s], alpha[s] * scale)), -p[s], p[s])
        gap += float(term_gap(kind, alpha[s], feasible, p[s], q[s]).sum())
    gap += _distance(problem, exact, scale * w)
    return _certificate(problem.objective(alpha, exact), gap, "rescaled dual", scale, shift)


def _best_scale(problem: CoordinateProblem, w: Vector, steepest: float) -> float:
    """Return t that maximises the dual at t w among the feasible ``|t| max_i |u_i| <= l1``."""
    square = float(w @ w)
    if square == 0:
        return 1.0
    free = float(problem.w0 @ w) / square
    limit = problem.l1 / steepest if steepest > 0 else math.inf
    return min(max(free, -limit), limit)


def _shift(problem: CoordinateProblem, w: Vector) -> float:
    direction = problem.intercept_direction
    if direction is None:
        return 0.0
    return float(w @ direction) / float(direction @ direction)


def _distance(problem: CoordinateProblem, exact: Vector, theta: Vector) -> float:
    """Return D_f, the Bregman distance of f from A alpha to the point whose gradient is theta."""
    return 0.0 if exact is theta else problem.smooth_value(exact - theta)


def _check_consistent(
    problem: CoordinateProblem, alpha: Vector, w: Vector, u: Vector, exact: Vector
) -> None:
    """Raise if ``alpha . u`` and ``A alpha . w``, the same number, clearly differ."""
    combined = (exact - problem.w0) / problem.smoothness
    left, right = float(alpha @ u), float(combined @ w)
    size = sum(float(np.abs(alpha[s]) @ np.abs(u[s])) for s in stripes(u.size))
    size += float(np.linalg.norm(combined) * np.linalg.norm(w))
    if abs(left - right) > _CONSISTENCY * size:
        raise HetengineError(
            f"certificate of {problem.name}: alpha . u = {left:.6g} but A alpha . w = {right:.6g}; "
            "u must be A^T w of the same snapshot and exact the shared vector of the same alpha"
        )


def _certificate(
    objective: float, gap: float, kind: str, scale: float = 1.0, shift: float = 0.0
) -> Certificate:
    if not (math.isfinite(objective) and math.isfinite(gap)):
        return Certificate(objective, math.inf, math.inf, kind, scale, shift)
    if objective == 0:
        return Certificate(objective, gap, math.inf if gap > 0 else 0.0, kind, scale, shift)
    return Certificate(objective, gap, gap / abs(objective), kind, scale, shift)
