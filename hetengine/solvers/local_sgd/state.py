"""Everything a run needs to go on, as arrays and numbers."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from hetengine.errors import DataError


@dataclass(eq=False)
class State:
    """A run between two rounds.

    With given taus, a run that goes on from it makes the same steps as one that never stopped.
    Random numbers need nothing here: they follow from the run's seed and from counts.

    Attributes
    ----------
    rounds, samples, paper_epochs, round_of_epoch, rounds_per_epoch : int
        See `hetengine.solvers.local_sgd.epochs.Epochs`.
    period, round_of_period, rounds_of_period : int
        Periods dealt, rounds of the present one done, and its length in rounds.
    seconds : float
        On the run's clock, evaluations and checkpoints not counted.
    loss_samples : int
    loss_total : float
        Samples trained on since the last row of history, and the sum of their losses.
    parameters : ndarray, shape (P,)
    statistics : ndarray, shape (S,)
        Averages.
    momentum : ndarray, shape (workers, P)
        Each worker's own; the common one in every row where it is averaged.
    taus : ndarray of int64, shape (workers,)
        Steps per round.
    speeds : ndarray of float64, shape (workers, 20, 2)
        Seconds per step and for the rest, of each worker's last rounds; NaN for none.
    batches, taken : ndarray of int64, shape (workers,)
        Batches taken in all, and samples taken of the present share.
    share_sizes : ndarray of int64, shape (workers,)
        Samples of each worker's share.
    share_ids : ndarray of int64, shape (sum of share_sizes,)
    share_weights : ndarray of float64, same shape
        All shares, one after another; NaN where samples are not weighted.
    losses : ndarray of float64, shape (tables, D)
    loss_rounds : ndarray of int64, shape (D,)
        See `hetengine.solvers.local_sgd.loss_table.LossTable`.
    """

    rounds: int
    samples: int
    paper_epochs: int
    round_of_epoch: int
    rounds_per_epoch: int
    period: int
    round_of_period: int
    rounds_of_period: int
    seconds: float
    loss_samples: int
    loss_total: float
    parameters: np.ndarray
    statistics: np.ndarray
    momentum: np.ndarray
    taus: np.ndarray
    speeds: np.ndarray
    batches: np.ndarray
    taken: np.ndarray
    share_sizes: np.ndarray
    share_ids: np.ndarray
    share_weights: np.ndarray
    losses: np.ndarray
    loss_rounds: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """Return it as named arrays, for ``numpy.savez``."""
        return {item.name: np.asarray(getattr(self, item.name)) for item in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> State:
        """Return the state that `arrays` has described.

        Raises
        ------
        DataError
            If a name is missing.
        """
        kinds = {"int": int, "float": float}
        names = {item.name: kinds.get(str(item.type), np.array) for item in fields(cls)}
        missing = [name for name in names if name not in arrays]
        if missing:
            raise DataError(
                f"this is no saved state of local SGD: {', '.join(missing)} missing; save "
                "State.arrays() with numpy.savez"
            )
        values: dict[str, Any] = {name: kind(arrays[name]) for name, kind in names.items()}
        return cls(**values)
