"""Columns and terms that bite, and the float64 reference that every kernel is compared with.

Single rows and columns, odd sizes, empty columns, examples without weight, every kind of term.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse

from hetengine.problems import Columns, Kind, coordinate_update, term_gap
from hetengine.problems.matrix import SparseColumns, columns_of

SHAPES = [(1, 1), (1, 7), (7, 1), (5, 3), (33, 17)]
LAYOUTS = ["dense", "sparse"]
DTYPES = [np.float32, np.float64]
MASK = (1 << 64) - 1
BOUND = 2.5


def make_columns(n: int, d: int, layout: str, dtype: type, seed: int = 0) -> Columns:
    """Make n columns of length d; every third one is empty (the first never).

    Parameters
    ----------
    n, d : int
    layout : {'dense', 'sparse'}
    dtype : type
        float32 or float64.
    seed : int
    """
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * (rng.random((n, d)) < 0.7)
    X[2::3] = 0.0
    X[0, 0] = 1.5
    return columns_of(scipy.sparse.csr_array(X) if layout == "sparse" else X, "dual", dtype)


def leading(columns: Columns) -> tuple[Any, ...]:
    """Return the leading arguments of the kernels: values, or values, indices, starts, lens."""
    if isinstance(columns, SparseColumns):
        return columns.values, columns.indices, columns.starts, columns.lens
    return (columns.values,)  # pyright: ignore[reportAttributeAccessIssue]


def by_column(columns: Columns) -> np.ndarray:
    """Return A^T in float64, shape (n, d)."""
    return np.array([columns.combine(unit) for unit in np.eye(columns.count)])


@dataclass
class Terms:
    """Coordinates with their parameters, in the precision of the columns.

    Attributes
    ----------
    alpha, h, p, q : ndarray, shape (n,)
        Value, curvature and the two parameters of the term.
    """

    alpha: np.ndarray
    h: np.ndarray
    p: np.ndarray
    q: np.ndarray


def make_terms(kind: Kind, columns: Columns, smoothness: float, seed: int = 1) -> Terms:
    """Draw feasible coordinates, some on their bounds, some without weight."""
    rng = np.random.default_rng(seed)
    n = columns.count
    h = smoothness * columns.square_norms()
    if kind is Kind.PENALTY:
        p = np.where(rng.random(n) < 0.8, 0.3, 0.0)
        q = np.where(rng.random(n) < 0.5, 0.2, 0.0)
        alpha = rng.normal(size=n) * (rng.random(n) < 0.5)
    else:
        q = np.where(rng.random(n) < 0.9, rng.uniform(0.1, 1.0, n), 0.0)
        p = rng.normal(size=n) if kind is Kind.SQUARED else rng.choice([-1.0, 1.0], n)
        share = rng.choice([0.0, 0.3, 0.9, 1.0], n)
        alpha = q * share if kind is Kind.SQUARED else p * q * share
    return Terms(*(values.astype(columns.dtype) for values in (alpha, h, p, q)))


def shuffled(order: np.ndarray, seed: int) -> np.ndarray:
    """Return a permutation by Fisher-Yates with splitmix64, in Python's integers.

    Parameters
    ----------
    order : ndarray of int
    seed : int
        Below 2**64.
    """
    order, state = order.copy(), seed
    for i in range(order.size - 1, 0, -1):
        state = (state + 0x9E3779B97F4A7C15) & MASK
        x = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
        x ^= x >> 31
        j = x % (i + 1)
        order[[i, j]] = order[[j, i]]
    return order


@dataclass
class Pass:
    """What an epoch leaves behind.

    Attributes
    ----------
    alpha, gaps : ndarray, shape (n,)
        Coordinates, and the gaps met on the way.
    w : ndarray, shape (d,)
        Shared vector.
    met : float
        Sum of the gaps met.
    moved : int
        Matrix elements that w moved along.
    """

    alpha: np.ndarray
    w: np.ndarray
    gaps: np.ndarray
    met: float
    moved: int


def plain_epoch(
    kind: Kind,
    columns: Columns,
    terms: Terms,
    w: np.ndarray,
    order: np.ndarray,
    smoothness: float,
    sigma: float,
) -> Pass:
    """Descend in a given order, one coordinate after the other, in float64.

    Parameters
    ----------
    kind : Kind
    columns : Columns
    terms : Terms
        Left as they are.
    w : ndarray, shape (d,)
        Left as it is.
    order : ndarray of int
        Coordinates to visit.
    smoothness, sigma : float
        L, and the factor on curvature and step.
    """
    A, lens = by_column(columns), np.full(columns.count, columns.length)
    if isinstance(columns, SparseColumns):
        lens = columns.lens
    w, alpha = w.astype(np.float64), terms.alpha.astype(np.float64)
    result = Pass(alpha, w, np.zeros(alpha.size), 0.0, 0)
    for i in order:
        u, p, q = A[i] @ w, float(terms.p[i]), float(terms.q[i])
        result.gaps[i] = term_gap(kind, alpha[i], u, p, q, BOUND)
        result.met += float(result.gaps[i])
        fresh = coordinate_update(kind, alpha[i], u, sigma * float(terms.h[i]), p, q)
        delta = float(fresh) - alpha[i]
        alpha[i] = fresh
        if delta != 0.0:
            w += smoothness * sigma * delta * A[i]
            result.moved += int(lens[i])
    return result
