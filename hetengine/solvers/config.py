"""What can be set under ``solver=duhl``."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hetengine.errors import UsageError, did_you_mean

SELECTIONS = ("gap", "sequential", "random", "importance", "all", "host", "auto")


@dataclass
class DuhlConfig:
    """Settings of gap-driven stochastic dual coordinate ascent (DuHL).

    Attributes
    ----------
    name : str
        Name of the solver.
    selection : {'gap', 'sequential', 'random', 'importance', 'all', 'host', 'auto'}
        Which coordinates the accelerator works on: those with the largest gaps, or a baseline;
        ``all`` needs everything to fit, ``host`` leaves the accelerator idle. ``auto`` is ``host``
        where the accelerators are CPU cores without a limit, and ``gap`` elsewhere.
    refresh : str
        How many gaps the host refreshes per round: ``async`` for as many as it manages, or a
        fraction of all coordinates in (0, 1], with which runs can be repeated bit by bit.
    inner_epochs : int
        Most epochs over the resident block per round.
    inner_gap_ratio : float
        The block is left once its gap has fallen to this fraction of its value at the start.
    certify_ratio : float
        A true certificate is computed once the workers have visited this many times the elements of
        the data since the last one, or once the gaps in memory add up to the tolerance.
    coverage : float
        With ``gap``: bring in the fewest columns that hold this share of the gap that lies off the
        accelerator,
    growth : float
        but per round at most this many times the elements of the moving resident columns
    first_share : float
        or this share of the accelerator's memory, whichever is more.
    """

    name: str = "duhl"
    selection: str = "gap"
    refresh: str = "async"
    inner_epochs: int = 10
    inner_gap_ratio: float = 0.3
    certify_ratio: float = 1.0
    coverage: float = 0.9
    growth: float = 1.0
    first_share: float = 0.1

    def __post_init__(self) -> None:
        if self.selection not in SELECTIONS:
            hint = did_you_mean(self.selection, SELECTIONS)
            raise UsageError(f"solver.selection={self.selection!r}; {hint}")
        if self.refresh != "async":
            _fraction(self.refresh)
        if self.inner_epochs < 1:
            raise UsageError(f"solver.inner_epochs={self.inner_epochs} must be at least 1")
        if not 0.0 <= self.inner_gap_ratio < 1.0:
            raise UsageError(
                f"solver.inner_gap_ratio={self.inner_gap_ratio} must be at least 0 and below 1"
            )
        if not (math.isfinite(self.certify_ratio) and self.certify_ratio > 0.0):
            raise UsageError(
                f"solver.certify_ratio={self.certify_ratio} must be finite and greater than 0"
            )
        for key in ("coverage", "first_share"):
            if not 0.0 < getattr(self, key) <= 1.0:
                raise UsageError(f"solver.{key}={getattr(self, key)} must be above 0 and at most 1")
        if not (math.isfinite(self.growth) and self.growth >= 0.0):
            raise UsageError(f"solver.growth={self.growth} must be finite and at least 0")

    @property
    def refresh_fraction(self) -> float | None:
        """Fraction of all coordinates refreshed per round; None for ``async``."""
        return None if self.refresh == "async" else _fraction(self.refresh)


def _fraction(text: str) -> float:
    """Read a fraction in (0, 1]."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 < value <= 1.0:
        raise UsageError(
            f"solver.refresh={text!r} must be 'async' or a fraction above 0 and at most 1, "
            "for instance solver.refresh=0.2"
        )
    return value
