"""Where a run stands: rounds, samples and epochs done."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Position:
    """A round's place in the run, in the epochs the run is counted in.

    Attributes
    ----------
    epoch : int
        Epochs completed before the round.
    start, end : float
        Epochs done before and after it.
    """

    epoch: int
    start: float
    end: float


@dataclass
class Epochs:
    """Counts of what has been done; integers, so that no rounding moves a boundary.

    Attributes
    ----------
    data_samples : int
        D, the size of the training set.
    unit : {'paper', 'pass'}
        What an epoch of the run is.
    rounds, samples : int
        Done so far.
    paper_epochs, round_of_epoch : int
        Epochs as the released code counts them, and rounds done since.
    rounds_per_epoch : int
        R of the last round; 0 if an epoch would have no round.
    """

    data_samples: int
    unit: str
    rounds: int = 0
    samples: int = 0
    paper_epochs: int = 0
    round_of_epoch: int = 0
    rounds_per_epoch: int = 0

    @property
    def epoch(self) -> int:
        """Epochs of the run completed."""
        return self.samples // self.data_samples if self.unit == "pass" else self.paper_epochs

    @property
    def done(self) -> float:
        """Epochs of the run done, with the part of the present one."""
        if self.unit == "pass":
            return self.passes
        length = max(self.rounds_per_epoch, 1)
        return self.paper_epochs + min(self.round_of_epoch / length, 1.0)

    @property
    def passes(self) -> float:
        """Samples trained on over the size of the training set."""
        return self.samples / self.data_samples

    @property
    def paper_epoch(self) -> float:
        """Epochs as the released code counts them; NaN where one would have no round."""
        if self.rounds == 0:
            return 0.0
        if self.rounds_per_epoch == 0:
            return float("nan")
        return self.paper_epochs + self.round_of_epoch / self.rounds_per_epoch

    def position(self, rounds_per_epoch: int, round_samples: int) -> Position:
        """Return the place of a round that is about to begin.

        Parameters
        ----------
        rounds_per_epoch : int
            R with the round's taus.
        round_samples : int
            Samples it is going to train on.
        """
        if self.unit == "pass":
            after = (self.samples + round_samples) / self.data_samples
            return Position(self.epoch, self.passes, after)
        length = max(rounds_per_epoch, 1)
        start = self.paper_epochs + min(self.round_of_epoch / length, 1.0)
        return Position(self.paper_epochs, start, start + 1.0 / length)

    def advance(self, rounds_per_epoch: int, round_samples: int) -> None:
        """Count a round that is over.

        Parameters
        ----------
        rounds_per_epoch : int
            R with the round's taus.
        round_samples : int
            Samples it has trained on.
        """
        self.rounds += 1
        self.samples += round_samples
        self.rounds_per_epoch = rounds_per_epoch
        self.round_of_epoch += 1
        if self.round_of_epoch >= max(rounds_per_epoch, 1):
            self.paper_epochs += 1
            self.round_of_epoch = 0
