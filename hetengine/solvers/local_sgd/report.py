"""Rows of history: when one is due, and what it says of the test set.

The run's clock stands still while the test set is measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from hetengine.clock import Clock
from hetengine.errors import DeviceFailure
from hetengine.solvers.local_sgd.crew import Crew
from hetengine.solvers.local_sgd.epochs import Epochs
from hetengine.solvers.local_sgd.evaluate import Score, evaluate
from hetengine.solvers.local_sgd.failures import Roster, Seat
from hetengine.solvers.local_sgd.outcome import Monitor, Progress
from hetengine.solvers.local_sgd.policies import EvaluationConfig
from hetengine.solvers.local_sgd.replica import Process

_ROUNDING = 1e-9


class Reporter:
    """Makes the rows, and keeps the time of evaluations apart.

    Parameters
    ----------
    config : EvaluationConfig
        When and where.
    clock : Clock
        The run's clock.
    crew : Crew
        Workers and test images.
    roster : Roster
        Who can evaluate.
    setters : sequence of int
        Who does by default: the first of these that is at work.
    monitor : Monitor
        Receives the rows.

    Attributes
    ----------
    history : list of Progress
        Rows so far.
    """

    def __init__(
        self,
        config: EvaluationConfig,
        clock: Clock,
        crew: Crew,
        roster: Roster,
        setters: Sequence[int],
        monitor: Monitor,
    ) -> None:
        self.history: list[Progress] = []
        self._config = config
        self._clock = clock
        self._crew = crew
        self._roster = roster
        self._setters = tuple(setters)
        self._monitor = monitor
        self._origin_seconds = clock.now
        self._stopped_seconds: float | None = None
        self._reached = 0
        self._loss = 0.0
        self._samples = 0

    def start(
        self, epochs: Epochs, seconds: float = 0.0, loss: float = 0.0, samples: int = 0
    ) -> None:
        """Count time, and evaluations due, from now on.

        Parameters
        ----------
        epochs : Epochs
            What has been done before.
        seconds, loss, samples
            Of a saved run that goes on: its time, and `unreported`.
        """
        self._origin_seconds = self._clock.now - seconds
        self._loss, self._samples = loss, samples
        self._reached = self._reach(epochs)

    @property
    def seconds(self) -> float:
        """Seconds on the run's clock since `start`, without those it has stood still."""
        now = self._clock.now if self._stopped_seconds is None else self._stopped_seconds
        return now - self._origin_seconds

    @property
    def unreported(self) -> tuple[float, int]:
        """Sum of the losses since the last row, and how many they are."""
        return self._loss, self._samples

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Do something that does not count as part of the run."""
        self._stopped_seconds = self._clock.now
        try:
            yield
        finally:
            self._origin_seconds += self._clock.now - self._stopped_seconds
            self._stopped_seconds = None

    def add(self, loss: float, samples: int) -> None:
        """Take in the losses of a round: their sum, over so many samples."""
        self._loss += loss
        self._samples += samples

    def due(self, epochs: Epochs) -> bool:
        """Whether the rounds done have come to another evaluation."""
        return self._reach(epochs) > self._reached

    def _reach(self, epochs: Epochs) -> int:
        count = epochs.rounds if self._config.unit == "round" else epochs.done
        # A tenth is not quite ten hundredths in floating point.
        return int(count / self._config.every + _ROUNDING)

    def report(self, epochs: Epochs, learning_rate: float, workers: int) -> Process:
        """Evaluate the averages and add a row.

        Parameters
        ----------
        epochs : Epochs
            What has been done.
        learning_rate : float
            Of the last round.
        workers : int
            Whose parameters entered the average.

        Returns
        -------
        Progress
            The row.
        """
        with self.standing_still():
            score = yield from self._evaluate(epochs.rounds)
        row = Progress(
            rounds=epochs.rounds,
            seconds=self.seconds,
            samples=epochs.samples,
            passes=epochs.passes,
            paper_epoch=epochs.paper_epoch,
            train_loss=self._loss / self._samples if self._samples else float("nan"),
            test_loss=score.loss,
            test_accuracy=score.accuracy,
            learning_rate=learning_rate,
            workers=workers,
        )
        self._loss, self._samples = 0.0, 0
        self._reached = self._reach(epochs)
        self.history.append(row)
        self._monitor.evaluated(row)
        return row

    def _evaluate(self, rounds: int) -> Process:
        """Let the first evaluate that can."""
        crew = self._crew
        test, vectors = crew.test, (crew.parameters.base, crew.statistics.base)
        for seat in self._candidates():
            if test is None:
                break
            try:
                return (yield from evaluate(seat.worker, test, *vectors))
            except DeviceFailure as failure:
                if not seat.is_to_blame(failure):
                    raise
                self._roster.lose(seat, failure, rounds)
        return Score()

    def _candidates(self) -> list[Seat]:
        """Those at work: the one asked for, then those that set the pace, then the others."""

        def rank(seat: Seat) -> tuple[bool, bool]:
            member = seat.worker.member
            return member.device != self._config.device, member.index not in self._setters

        return sorted(self._roster.at_work, key=rank)
