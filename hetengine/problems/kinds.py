"""The five shapes a separable term can have, as integer codes shared with compiled kernels."""

from __future__ import annotations

from enum import IntEnum


class Kind(IntEnum):
    """Which function one coordinate's term ``g_i`` is, and what its parameters ``p``, ``q`` mean.

    Every coordinate of a problem has the same kind. Primal sides (lasso, elastic net, ridge over
    features) have penalties; dual sides (one coordinate per example) have conjugate losses, with
    ``b = y a`` and ``m = y u`` where labels are -1 or +1.

    Attributes
    ----------
    PENALTY : int
        ``p |a| + q/2 a^2``; ``p = l1``, ``q = l2``; both zero for an intercept.
    SQUARED : int
        ``a^2 / (2 c) - a y``, the conjugate of ``c/2 (x - y)^2``; ``p = y``, ``q = c``.
    HINGE : int
        ``-b`` for ``0 <= b <= c``, the conjugate of ``c max(0, 1 - m)``; ``p = y``, ``q = c``.
    SQUARED_HINGE : int
        ``-b + b^2 / (2 c)`` for ``b >= 0``, the conjugate of ``c/2 max(0, 1 - m)^2``.
    LOGISTIC : int
        ``b log b + (c - b) log(c - b) - c log c`` for ``0 <= b <= c``, the conjugate of
        ``c log(1 + exp(-m))``.
    """

    PENALTY = 0
    SQUARED = 1
    HINGE = 2
    SQUARED_HINGE = 3
    LOGISTIC = 4
