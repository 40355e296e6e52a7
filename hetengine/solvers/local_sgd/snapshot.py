"""A run's state taken out of its parts between two rounds, and put back into them."""

from __future__ import annotations

import contextlib

import numpy as np

from hetengine.errors import DeviceFailure, UsageError
from hetengine.solvers.local_sgd.crew import Crew
from hetengine.solvers.local_sgd.epochs import Epochs
from hetengine.solvers.local_sgd.failures import Roster, RunEnded
from hetengine.solvers.local_sgd.loss_table import LossTable
from hetengine.solvers.local_sgd.periods import Periods
from hetengine.solvers.local_sgd.replica import Process
from hetengine.solvers.local_sgd.report import Reporter
from hetengine.solvers.local_sgd.sampling import Share
from hetengine.solvers.local_sgd.state import State
from hetengine.solvers.local_sgd.tau import Pace


class Snapshots:
    """Saves and restores; each method describes one part of the run once.

    Parameters
    ----------
    crew, roster, epochs, periods, table, pace, reporter
        Parts of the run.
    own_momentum : bool
        Whether each worker keeps its own momentum.
    """

    def __init__(
        self,
        crew: Crew,
        roster: Roster,
        epochs: Epochs,
        periods: Periods,
        table: LossTable,
        pace: Pace,
        reporter: Reporter,
        own_momentum: bool,
    ) -> None:
        self._crew = crew
        self._roster = roster
        self._epochs = epochs
        self._periods = periods
        self._table = table
        self._pace = pace
        self._reporter = reporter
        self._own_momentum = own_momentum

    def save(self) -> Process:
        """Copy the state; every worker's momentum is brought down for that.

        Returns
        -------
        State
            Shares no memory with the run.
        """
        crew, epochs, periods = self._crew, self._epochs, self._periods
        seconds, (total, samples) = self._reporter.seconds, self._reporter.unreported
        momentum = yield from self._momentum()
        feeds = [worker.feed for worker in crew.workers]
        weights = [
            np.full(feed.share.ids.size, np.nan)
            if feed.share.weights is None
            else feed.share.weights
            for feed in feeds
        ]
        return State(
            rounds=epochs.rounds,
            samples=epochs.samples,
            paper_epochs=epochs.paper_epochs,
            round_of_epoch=epochs.round_of_epoch,
            rounds_per_epoch=epochs.rounds_per_epoch,
            period=periods.period,
            round_of_period=periods.round,
            rounds_of_period=periods.length,
            seconds=seconds,
            loss_samples=samples,
            loss_total=total,
            parameters=np.array(crew.parameters.base.array),
            statistics=np.array(crew.statistics.base.array),
            momentum=momentum,
            taus=np.array([self._pace.taus[m.index] for m in crew.members], np.int64),
            speeds=self._pace.speeds,
            batches=np.array([feed.batches for feed in feeds], np.int64),
            taken=np.array([feed.taken for feed in feeds], np.int64),
            share_sizes=np.array([feed.share.ids.size for feed in feeds], np.int64),
            share_ids=np.concatenate([feed.share.ids for feed in feeds]),
            share_weights=np.concatenate(weights),
            losses=self._table.losses.copy(),
            loss_rounds=self._table.rounds.copy(),
        )

    def _momentum(self) -> Process:
        """Return every worker's momentum, shape (workers, P); zeros of those that are out."""
        stack, crew = self._crew.momentum, self._crew
        vectors = np.tile(np.asarray(stack.base.array), (len(crew.workers), 1))
        for seat in self._roster.at_work if self._own_momentum else ():
            worker = seat.worker
            if worker.fresh or not worker.member.trains:
                continue
            index, replica = worker.member.index, worker.replica
            row = stack.rows[index + 1]
            try:
                yield replica.all(replica.carrier.move(row, replica.placed.momentum))
            except DeviceFailure as failure:
                if not seat.is_to_blame(failure):
                    raise
                with contextlib.suppress(RunEnded):
                    self._roster.lose(seat, failure, self._epochs.rounds)
            else:
                vectors[index] = row.array
        return vectors

    def restore(self, state: State) -> Process:
        """Put a saved state back, before the first round.

        Raises
        ------
        UsageError
            If it was saved by a run with another model, other data or other workers.
        """
        crew, epochs, periods = self._crew, self._epochs, self._periods
        self.check(state)
        for name in ("rounds", "samples", "paper_epochs", "round_of_epoch", "rounds_per_epoch"):
            setattr(epochs, name, getattr(state, name))
        periods.period, periods.round = state.period, state.round_of_period
        periods.length = state.rounds_of_period
        yield crew.parameters.put(0, state.parameters)
        yield crew.statistics.put(0, state.statistics)
        for k, vector in enumerate(state.momentum):
            yield crew.momentum.put(k + 1, vector)
        if not self._own_momentum:
            yield crew.momentum.put(0, state.momentum[0])
        self._pace.restore(dict(enumerate(state.taus.tolist())), state.speeds)
        self._table.restore(state.losses, state.loss_rounds)
        ends = np.cumsum(state.share_sizes)[:-1]
        parts = zip(
            np.split(state.share_ids, ends), np.split(state.share_weights, ends), strict=True
        )
        for k, (ids, weights) in enumerate(parts):
            feed = crew.workers[k].feed
            feed.deal(Share(ids, None if np.isnan(weights).any() else weights))
            feed.batches, feed.taken = int(state.batches[k]), int(state.taken[k])

    def check(self, state: State) -> None:
        """Refuse a state of another run; see `restore`."""
        crew = self._crew
        wanted = {
            "parameters": crew.parameters.base.shape,
            "statistics": crew.statistics.base.shape,
            "momentum": (len(crew.workers), crew.momentum.count),
            "losses": self._table.losses.shape,
        }
        for name, shape in wanted.items():
            if getattr(state, name).shape != shape:
                raise UsageError(
                    f"the saved state's {name} have shape {getattr(state, name).shape} and this "
                    f"run's {shape}; go on with the model, data and workers it was saved with"
                )
