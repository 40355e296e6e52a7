"""What local SGD reports while it runs and returns at the end; numbers only, no device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hetengine.solvers.local_sgd.state import State


@dataclass(frozen=True, slots=True)
class StopRule:
    """When a run ends before its epochs are over.

    Attributes
    ----------
    max_rounds : int
        Rounds after which it stops.
    max_seconds : float or None
        Seconds on the run's clock, evaluations not counted, after which it stops, at the end of a
        round.
    """

    max_rounds: int
    max_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """One evaluated state: a row of history.

    Attributes
    ----------
    rounds : int
        Rounds done.
    seconds : float
        On the run's clock since training began, evaluations not counted.
    samples : int
        Samples trained on.
    passes : float
        Those over the size of the training set.
    paper_epoch : float
        Epochs as the released code counts them.
    train_loss : float
        Mean loss of the samples trained on since the last row, by the workers that draw uniformly,
        or by all where there are none; NaN before the first round.
    test_loss, test_accuracy : float
        On the test set; NaN where there is none.
    learning_rate : float
        Of the last round; of the first one before it.
    workers : int
        Workers whose parameters entered the last average.
    """

    rounds: int
    seconds: float
    samples: int
    passes: float
    paper_epoch: float
    train_loss: float
    test_loss: float
    test_accuracy: float
    learning_rate: float
    workers: int


class Monitor(Protocol):
    """Receives what the solver has to say."""

    def evaluated(self, progress: Progress) -> None:
        """Take one evaluated state."""
        ...

    def log(self, message: str) -> None:
        """Take a message worth keeping."""
        ...

    def checkpoint_due(self, epochs: float) -> bool:
        """Whether the state is wanted, so many epochs of the run being done."""
        ...

    def checkpoint(self, state: State) -> None:
        """Take a state from which a run can go on."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a run.

    Attributes
    ----------
    status : {'finished', 'target_accuracy', 'max_seconds', 'max_rounds', 'diverged', 'failed'}
        Why it ended. With ``diverged`` no worker's parameters were finite in a round, with
        ``failed`` no worker was left; parameters are those of the last good round then.
    error : str
        What went wrong, on one line, where it diverged or failed; otherwise empty.
    rounds : int
        Rounds done.
    parameters : ndarray, shape (P,)
        Averaged parameters.
    statistics : ndarray, shape (S,)
        Averaged running means and variances of batch norm.
    history : tuple of Progress
        One row per evaluation.
    state : State
        Everything needed to go on from here.
    """

    status: str
    error: str
    rounds: int
    parameters: np.ndarray
    statistics: np.ndarray
    history: tuple[Progress, ...]
    state: State
