"""How many passes a sampled model would still take, so that an exact one is made where it pays."""

from __future__ import annotations

import math


class Forecast:
    """The gaps of one run, and where they lead.

    Steps from a sampled Hessian, corrected by those before, are conjugate gradients preconditioned
    with it: the error in the coefficients falls by ``sqrt(k / m)`` a pass for k features and m
    sampled rows (the spectrum lies between ``(1 -+ sqrt(k / m))^2``). So does a gap whose dual
    point has to be scaled; one that is a sum over smooth conjugates falls by the square.

    Parameters
    ----------
    tol : float
        Relative gap that is sought.
    smooth : bool
        Whether the conjugates of the penalty are smooth, as those of an elastic net are.
    """

    def __init__(self, tol: float, smooth: bool) -> None:
        self._tol, self._smooth = tol, smooth
        self._gap, self._fall = math.nan, 0.0

    def see(self, gap: float) -> None:
        """Take note of the relative gap after a pass.

        Parameters
        ----------
        gap : float
            inf or NaN where it is not known.
        """
        self._fall = gap / self._gap if gap > 0 and self._gap > 0 else 0.0
        self._gap = gap

    def passes(self, share: float) -> float:
        """Return how many passes it takes from here on, inf where the gap does not fall.

        Parameters
        ----------
        share : float
            k / m.
        """
        gap, tol = self._gap, self._tol
        if not gap > tol:
            return 0.0
        fall = max(share if self._smooth else math.sqrt(share), self._fall)
        if not (fall < 1.0 and math.isfinite(gap) and tol > 0):
            return math.inf
        return math.ceil(math.log(tol / gap) / math.log(fall))
