"""What is remembered of every sample's loss, and what is kept of several observations."""

from __future__ import annotations

import numpy as np


class LossTable:
    """Losses by sample; +inf for a sample never seen.

    A loss comes for free with every training step: that of the sample as augmented, in training
    mode, before the step.

    Parameters
    ----------
    samples : int
        D.
    merge : {'latest', 'minimum'}
        Keep the observation of the latest round; or let each class keep its own latest and take
        the least at the end of a period, as the released code does, which makes the table a running
        minimum.
    groups : sequence of str
        Names of the classes.

    Attributes
    ----------
    losses : ndarray, shape (tables, D), float64
        One table; with ``minimum`` one per class.
    rounds : ndarray, shape (D,), int64
        Round of the observation kept; -1 for never.
    """

    def __init__(self, samples: int, merge: str, groups: tuple[str, ...]) -> None:
        self._merge = merge
        self._table = {name: k if merge == "minimum" else 0 for k, name in enumerate(groups)}
        count = len(groups) if merge == "minimum" else 1
        self.losses = np.full((count, samples), np.inf)
        self.rounds = np.full(samples, -1, np.int64)

    @property
    def merged(self) -> np.ndarray:
        """Losses to sample by, shape (D,)."""
        return self.losses[0]

    def write(self, group: str, ids: np.ndarray, losses: np.ndarray, rounds: int) -> None:
        """Take in what one worker observed in a round.

        Parameters
        ----------
        group : str
            Class of the worker.
        ids : ndarray of int, shape (m,)
            Samples, in the order in which they were met.
        losses : ndarray, shape (m,)
            Their losses.
        rounds : int
            When that was. Of two observations of one round the one written last is kept.
        """
        if self._merge == "latest":
            fresh = self.rounds[ids] <= rounds
            ids, losses = ids[fresh], losses[fresh]
        self.losses[self._table[group], ids] = losses
        self.rounds[ids] = rounds

    def end_period(self) -> None:
        """Make all classes agree: each gets the least that any of them holds."""
        self.losses[:] = self.losses.min(axis=0)

    def restore(self, losses: np.ndarray, rounds: np.ndarray) -> None:
        """Take over a table that was saved.

        Parameters
        ----------
        losses : ndarray, shape (tables, D)
        rounds : ndarray, shape (D,)
        """
        self.losses[:] = losses
        self.rounds[:] = rounds
