"""What a solver reports while it runs and returns at the end; numbers only, no device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hetengine.problems import Certificate


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class StopRule:
    """When a run ends.

    Attributes
    ----------
    tol : float
        Relative gap at which it has converged.
    max_rounds : int
        Rounds after which it stops.
    max_seconds : float or None
        Seconds on the run's clock after which it stops, at the end of a round.
    interrupted : callable
        Says whether the user has asked for the end, which comes at the end of a round.
    """

    tol: float
    max_rounds: int
    max_seconds: float | None
    interrupted: Callable[[], bool] = _never

    def cut(self, rounds: int, seconds: float) -> str | None:
        """Return why a run ends before the tolerance, if it does.

        Parameters
        ----------
        rounds : int
            Rounds done.
        seconds : float
            On the run's clock, since it began.
        """
        if self.interrupted():
            return "interrupted"
        if rounds >= self.max_rounds:
            return "max_rounds"
        late = self.max_seconds is not None and seconds >= self.max_seconds
        return "max_seconds" if late else None


@dataclass(frozen=True, slots=True)
class Progress:
    """One certified state.

    Attributes
    ----------
    rounds : int
        Rounds done.
    certificate : Certificate
        Objective and gap.
    resident_columns : int
        Columns in the accelerators' memories.
    swapped_columns : int
        Columns brought there since the last report.
    refreshed_fraction : float
        Gaps the host measured since the last report, over the number of coordinates.
    """

    rounds: int
    certificate: Certificate
    resident_columns: int
    swapped_columns: int
    refreshed_fraction: float


class Monitor(Protocol):
    """Receives what a solver has to say."""

    def certified(self, progress: Progress) -> None:
        """Take one certified state."""
        ...

    def log(self, message: str) -> None:
        """Take a message worth keeping."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """The certified end of a run.

    Attributes
    ----------
    status : {'converged', 'max_rounds', 'max_seconds', 'stalled', 'diverged', 'interrupted'}
        Why it ended; ``stalled``: the gap has not fallen for long, because the precision is at its
        end; ``interrupted``: the user has asked for it.
    rounds : int
        Rounds done.
    certificate : Certificate
        Of exactly this (alpha, w).
    alpha : ndarray, shape (n,)
        Coordinates.
    w : ndarray, shape (d,)
        Shared vector.
    """

    status: str
    rounds: int
    certificate: Certificate
    alpha: np.ndarray
    w: np.ndarray
