"""What one worker brings from one round."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Contribution:
    """A worker's round; its parameters lie in its row of the exchange.

    Attributes
    ----------
    index : int
        Of the worker.
    steps : int
        Local steps it made, at least 1.
    ids : ndarray of int64, shape (steps * batch,)
        Samples it met, in order.
    losses : ndarray, shape (steps * batch,)
        Their losses, of the net's type.
    seconds : float
        Time from the start of the round until its parameters had come down.
    step_seconds : float
        Of that, per step.
    """

    index: int
    steps: int
    ids: np.ndarray
    losses: np.ndarray
    seconds: float
    step_seconds: float

    @property
    def samples(self) -> int:
        """Samples it met."""
        return self.ids.size

    @property
    def finite(self) -> bool:
        """Whether every loss is a finite number."""
        return bool(np.isfinite(self.losses).all())
