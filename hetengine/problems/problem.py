"""One convex problem in coordinate form: what solvers, kernels and certificates all work on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hetengine.problems.kinds import Kind
from hetengine.problems.matrix import Columns
from hetengine.problems.terms import term_gap, term_project, total_value

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class CoordinateProblem:
    """``min over alpha of O(alpha) = f(A alpha) + sum_i g_i(alpha_i)``, f quadratic, Hessian L I.

    The one shared vector is ``w = grad f(A alpha) = w0 + L A alpha``, and ``u = A^T w``.

    Attributes
    ----------
    name : str
        Problem name, for instance ``lasso``.
    side : str
        ``'primal'``: coordinates are features, ``f(v) = L/2 ||v - target||^2``, ``L = 1/N``.
        ``'dual'``: coordinates are examples, ``f(v) = L/2 ||v||^2``, ``L = 1/lam``, w is the model.
    kind : Kind
        Shape of every term ``g_i``.
    columns : DenseColumns, SparseColumns or ShapeColumns
        The n columns of A, each of length d.
    smoothness : float
        L.
    target : ndarray of float64, shape (d,)
        Labels on the primal side (scaled by the root of the example weights), zeros on the dual.
    w0 : ndarray of float64, shape (d,)
        Shared vector at ``alpha = 0``, ``-L target``.
    p, q : ndarray of float64, shape (n,)
        Parameters of the terms, see `Kind`.
    lam, l1, l2 : float
        Regularisation strength, and its parts as they stand in p and q (0 on the dual side).
    rows, features : int
        N and P of the data, without intercept.
    intercept : bool
        Whether a constant is fitted: the last coordinate on the primal side, the last entry of w
        on the dual side.
    intercept_direction : ndarray of float64, shape (d,), or None
        The intercept's column; only on the primal side.
    intercept_products : ndarray of float64, shape (n,), or None
        ``A^T intercept_direction``.
    offsets : ndarray of float64, shape (P,), or None
        What has been taken off every value of a feature, see `hetengine.problems.offset`; only with
        an unpenalised intercept, and undone by `model`.
    pinned : ndarray of int64
        Coordinates that must always be on the accelerator (the unpenalised intercept).
    """

    name: str
    side: str
    kind: Kind
    columns: Columns
    smoothness: float
    target: Vector
    p: Vector
    q: Vector
    lam: float
    rows: int
    features: int
    l1: float = 0.0
    l2: float = 0.0
    intercept: bool = False
    intercept_direction: Vector | None = None
    intercept_products: Vector | None = None
    offsets: Vector | None = None
    pinned: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    w0: Vector = field(init=False)

    def __post_init__(self) -> None:
        # -0.0 would print oddly and compare equal anyway: adding 0 turns it into 0.
        dual = self.side == "dual"  # zeros, as long as a row of the data: one vector is enough
        w0 = self.target if dual else -self.smoothness * self.target + 0.0
        object.__setattr__(self, "w0", w0)

    @property
    def count(self) -> int:
        """Return n, the number of coordinates."""
        return self.columns.count

    @property
    def length(self) -> int:
        """Return d, the length of the shared vector."""
        return self.columns.length

    @property
    def needs_bound(self) -> bool:
        """Return whether the terms' conjugate is only finite on a bounded set (lasso)."""
        return self.kind is Kind.PENALTY and self.l1 > 0 and self.l2 == 0

    def bound(self, objective: float) -> float:
        """Return the box ``|alpha_i| <= B`` that makes the lasso's dual finite.

        ``B = O(alpha) / l1`` covers the optimum and every alpha no worse than this one
        ("Lipschitzing", Duenner et al. 2016, with the bound taken at the current objective).

        Parameters
        ----------
        objective : float
            O at any alpha.

        Returns
        -------
        float
            B for the lasso; 0 where no bound is used.
        """
        return objective / self.l1 if self.needs_bound else 0.0

    def initial_alpha(self) -> Vector:
        """Return the start, zeros.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        return np.zeros(self.count)

    def project(self, alpha: ArrayLike) -> Vector:
        """Return the nearest feasible alpha (bounds ``0 <= y a <= c`` on the dual side).

        Parameters
        ----------
        alpha : array_like, shape (n,)

        Returns
        -------
        ndarray of float64, shape (n,)
            alpha itself where all numbers are feasible.
        """
        return term_project(self.kind, alpha, self.p, self.q)

    def shared_vector(self, alpha: ArrayLike) -> Vector:
        """Return ``w = w0 + L A alpha``, exactly (in float64).

        Parameters
        ----------
        alpha : array_like, shape (n,)

        Returns
        -------
        ndarray of float64, shape (d,)
        """
        return self.w0 + self.smoothness * self.columns.combine(alpha)

    def smooth_value(self, w: ArrayLike) -> float:
        """Return ``f(A alpha) = ||w||^2 / (2 L)`` for the exact shared vector w.

        Parameters
        ----------
        w : array_like, shape (d,)

        Returns
        -------
        float
        """
        vector = np.asarray(w, dtype=np.float64)
        return float(vector @ vector) / (2 * self.smoothness)

    def smooth_conjugate(self, w: ArrayLike) -> float:
        """Return ``f*(w) = ||w||^2 / (2 L) + w . target``.

        Parameters
        ----------
        w : array_like, shape (d,)

        Returns
        -------
        float
        """
        return self.smooth_value(w) + float(np.asarray(w, dtype=np.float64) @ self.target)

    def objective(self, alpha: ArrayLike, w: ArrayLike) -> float:
        """Return ``O(alpha) = f(A alpha) + sum_i g_i(alpha_i)``, what coordinate steps decrease.

        On the primal side this is the user's objective, on the dual side minus the dual value.

        Parameters
        ----------
        alpha : array_like, shape (n,)
        w : array_like, shape (d,)
            The exact shared vector of this alpha.

        Returns
        -------
        float
        """
        return self.smooth_value(w) + total_value(self.kind, alpha, self.p, self.q)

    def scores(self, alpha: ArrayLike, u: ArrayLike, bound: float | None = None) -> Vector:
        """Return every coordinate's duality gap, its usefulness to the next block.

        Parameters
        ----------
        alpha, u : array_like, shape (n,)
        bound : float, optional
            Box of the lasso; by default the one at ``alpha = 0``, which covers every later one.

        Returns
        -------
        ndarray of float64, shape (n,)
            Not negative; 0 for an unpenalised intercept.
        """
        box = self.bound(self.smooth_value(self.w0)) if bound is None else bound
        return term_gap(self.kind, alpha, u, self.p, self.q, box)

    def model(self, alpha: ArrayLike, w: ArrayLike) -> tuple[Vector, float]:
        """Return coefficients and intercept.

        Parameters
        ----------
        alpha : array_like, shape (n,)
        w : array_like, shape (d,)

        Returns
        -------
        coef : ndarray of float64, shape (P,)
        intercept : float
            0 where none is fitted.
        """
        source = np.array(alpha if self.side == "primal" else w, dtype=np.float64)
        constant = float(source[self.features]) if self.intercept else 0.0
        coef = source[: self.features]
        if self.offsets is not None:
            constant -= float(self.offsets @ coef)
        return coef, constant
