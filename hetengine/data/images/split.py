"""Draw images evenly over the classes: test sets, validation sets and smaller training sets."""

from __future__ import annotations

import numpy as np


def draw_evenly(
    labels: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Split examples in two so that each class keeps its share in both.

    Parameters
    ----------
    labels : ndarray, shape (N,)
        Classes.
    count : int
        Examples to draw, at most N. Each class gives its share of them, rounded by the largest
        remainder.
    rng : numpy.random.Generator
        Source of the draw.

    Returns
    -------
    drawn : ndarray, shape (count,), int64
        Positions, ascending.
    rest : ndarray, shape (N - count,), int64
        The others, ascending.

    Examples
    --------
    >>> drawn, rest = draw_evenly(np.array([0, 0, 1, 1, 1, 1]), 3, np.random.default_rng(0))
    >>> len(drawn), len(rest)
    (3, 3)
    """
    values, sizes = np.unique(labels, return_counts=True)
    shares = sizes * (count / len(labels))
    quotas = np.floor(shares).astype(np.int64)
    largest = np.argsort(quotas - shares, kind="stable")
    quotas[largest[: count - int(quotas.sum())]] += 1
    chosen = np.zeros(len(labels), bool)
    for value, quota in zip(values, quotas, strict=True):
        members = np.flatnonzero(labels == value)
        chosen[rng.permutation(members)[:quota]] = True
    return np.flatnonzero(chosen), np.flatnonzero(~chosen)
