"""Local SGD on workers of unequal speed.

Every worker trains its own copy of a net for tau steps; then their parameters are averaged, and all
go on from there (S. U. Stich, *Local SGD Converges Fast and Communicates Little*, ICLR 2019).
Slow workers make fewer steps and, in biased local SGD (arXiv 2508.08540), get the samples of
largest loss. Synchronous SGD is the case of one step per round.

The solver is a program against devices and a clock: it yields events and never asks whether their
time is real.
"""

from __future__ import annotations

import simpy
from numpy.typing import DTypeLike

from hetengine.data.images.dataset import ImageData
from hetengine.machine import Machine
from hetengine.nets.model import Model
from hetengine.solvers.local_sgd import seeds
from hetengine.solvers.local_sgd.accounting import Accounts, accounts
from hetengine.solvers.local_sgd.averaging import Averaging
from hetengine.solvers.local_sgd.config import LocalSgdConfig
from hetengine.solvers.local_sgd.contribution import Contribution
from hetengine.solvers.local_sgd.crew import Crew
from hetengine.solvers.local_sgd.epochs import Epochs
from hetengine.solvers.local_sgd.failures import Roster, RunEnded
from hetengine.solvers.local_sgd.loss_table import LossTable
from hetengine.solvers.local_sgd.observations import Observations
from hetengine.solvers.local_sgd.outcome import Monitor, Outcome, StopRule
from hetengine.solvers.local_sgd.periods import Periods
from hetengine.solvers.local_sgd.quota import Quota
from hetengine.solvers.local_sgd.replica import Process
from hetengine.solvers.local_sgd.report import Reporter
from hetengine.solvers.local_sgd.round import Round
from hetengine.solvers.local_sgd.schedule import learning_rate
from hetengine.solvers.local_sgd.snapshot import Snapshots
from hetengine.solvers.local_sgd.state import State
from hetengine.solvers.local_sgd.tau import Pace, Speed
from hetengine.solvers.local_sgd.worker import Orders

_MOST_EMPTY_ROUNDS = 3


class LocalSgd:
    """One training run.

    Parameters
    ----------
    model : Model
        What is trained.
    data : ImageData
        Training images, with their test images.
    machine : Machine
        What it runs on.
    config : LocalSgdConfig
        Settings.
    stop : StopRule
        When to end before the epochs are over.
    seed : int
        Seeds the initial parameters, the samples drawn and how they are augmented.
    monitor : Monitor
        Receives evaluated states and messages.
    dtype : dtype
        Float32 or float64.
    state : State, optional
        Where to go on; by default from initial parameters.

    Raises
    ------
    UsageError
        If the settings, the data, the model and the machine do not go together; nothing has been
        allocated then.
    OutOfCapacity
        If a device cannot hold what it must; nothing has run then.
    """

    def __init__(
        self,
        model: Model,
        data: ImageData,
        machine: Machine,
        config: LocalSgdConfig,
        stop: StopRule,
        seed: int,
        monitor: Monitor,
        dtype: DTypeLike,
        state: State | None = None,
    ) -> None:
        self.model = model
        self.config = config
        self.stop = stop
        self.clock = machine.clock
        self.monitor = monitor
        self.crew = crew = Crew(model, data, machine, config, seed, dtype)
        self.roster = Roster(config.failure, crew.workers, monitor)
        self.pace = Pace(config.tau, crew.members, machine.clock)
        self.epochs = Epochs(crew.train.count, config.epoch)
        table = LossTable(crew.train.count, config.sampling.merge, tuple(config.classes))
        self.periods = Periods(config, machine.host, table, seed)
        self.observations = Observations(machine.host, crew.members, table)
        self.averaging = Averaging(config, crew, self.roster)
        setters = [member.index for member in self.pace.setters]
        self.reporter = Reporter(
            config.evaluation, machine.clock, crew, self.roster, setters, monitor
        )
        own = config.momentum.at_average == "keep"
        self.snapshots = Snapshots(
            crew, self.roster, self.epochs, self.periods, table, self.pace, self.reporter, own
        )
        self._seed = seed
        self._dtype = dtype
        self._setters = setters
        self._start = state
        self._resumed: set[int] = set()
        self._rate = 0.0
        self._averaged = 0
        self._empty = 0
        if state is not None:
            self.snapshots.check(state)

    def prepare(self) -> Process:
        """Build every program with launches whose results are overwritten; before the clock starts.

        Where taus follow from measured speed, the first ones do from these launches.
        """
        for worker in self.crew.workers:
            seconds = yield from worker.prepare()
            self.pace.observe(worker.member.index, Speed(seconds, 0.0))
        yield from self.averaging.prepare()
        if self.config.tau.name == "measured":
            self.pace.adjust()

    def train(self) -> Process:
        """Train until the epochs are over or the stop rule says so.

        Returns
        -------
        Outcome
            The value of the SimPy process. Where the run diverged or lost all its workers, with the
            parameters of the last good round and the reason as ``error``.
        """
        if self.crew.idle:
            self.monitor.log(f"idle, in no class of solver.workers: {', '.join(self.crew.idle)}")
        status, error = "", ""
        yield from self._begin()
        try:
            # A run that goes on has had its first row.
            first = "" if self._start is not None else (yield from self._report())
            status = first or self._status()
            while not status:
                yield from self._round()
                status = self._status()
                if status or self.reporter.due(self.epochs):
                    status = (yield from self._report()) or status
                if not status and self.monitor.checkpoint_due(self.epochs.done):
                    yield from self._checkpoint()
        except RunEnded as ended:
            status, error = ended.status, ended.reason
            self.monitor.log(error)
        state = yield from self.snapshots.save()
        return Outcome(
            status=status,
            error=error,
            rounds=self.epochs.rounds,
            parameters=state.parameters.copy(),
            statistics=state.statistics[: self.model.statistic_count].copy(),
            history=tuple(self.reporter.history),
            state=state,
        )

    def _begin(self) -> Process:
        """Set what the first round begins with."""
        crew, start = self.crew, self._start
        if start is not None:
            yield from self.snapshots.restore(start)
            self._resumed = {member.index for member in crew.members}
            self.reporter.start(self.epochs, start.seconds, start.loss_total, start.loss_samples)
        else:
            parameters, statistics = self.model.initial(seeds.initial(self._seed), self._dtype)
            yield crew.parameters.put(0, parameters)
            if statistics.size:
                yield crew.statistics.put(0, statistics)
            self.reporter.start(self.epochs)
        self._rate = self._learning_rate()

    def _accounts(self) -> Accounts:
        """Count for the round that is next, as if nobody had failed."""
        taus = self.pace.planned(self.epochs.rounds)
        return accounts(self.config, self.crew.members, taus, self.crew.train.count)

    def _learning_rate(self) -> float:
        counts = self._accounts()
        place = self.epochs.position(counts.rounds_per_epoch, counts.round_samples)
        return learning_rate(self.config.schedule, place, self.config.epochs)

    def _round(self) -> Process:
        """Let everybody work, average what has come of it, and learn from it."""
        rounds = self.epochs.rounds
        yield from self._muster(rounds)
        at_work, taus = self.roster.at_work, self.pace.planned(rounds)
        yield from self.periods.begin_round([seat.worker for seat in at_work], taus)
        self._rate = self._learning_rate()
        present = Round(self.clock, self.roster, rounds, self._setters)
        quotas = self.pace.quotas(rounds, present.over)
        orders = {k: self._orders(k, quotas[k]) for k in (s.worker.member.index for s in at_work)}
        found: list[Contribution] = yield from present.run(orders)
        scored = [each for each in found if not self.crew.members[each.index].trains]
        trained = [each for each in found if each not in scored]
        entered = yield from self.averaging.average(trained, rounds)
        if not entered:
            self._nothing_came(rounds, present.broken or bool(trained))
            return
        counted = [*entered, *scored]
        loss, samples = yield self.observations.note(counted, rounds)
        self.reporter.add(loss, samples)
        self._empty, self._averaged = 0, len(entered)
        self.epochs.advance(
            self._accounts().rounds_per_epoch, sum(each.samples for each in entered)
        )
        self._learn(counted)

    def _learn(self, found: list[Contribution]) -> None:
        rounds = self.epochs.rounds
        if self.pace.learn(found, rounds) or rounds == self.config.tau.sync_rounds:
            self.roster.forget_times()
            self.periods.end()

    def _muster(self, rounds: int) -> Process:
        """See who takes part; wait for the late if nobody else is left."""
        back = yield from self.roster.muster(rounds)
        if not self.roster.training:
            late = self.roster.late
            if late:
                yield simpy.AnyOf(self.clock, late)
            back = (yield from self.roster.muster(rounds, now=True)) or back
        if not self.roster.training:
            raise RunEnded(
                "failed",
                f"round {rounds + 1}: no worker is left to train; the parameters of round {rounds} "
                "are kept",
            )
        if back:
            self.periods.end()

    def _nothing_came(self, rounds: int, broken: bool) -> None:
        """End the run if no worker's parameters are finite, or if it comes to nothing again."""
        self._empty += 1
        if broken:
            raise RunEnded(
                "diverged",
                f"round {rounds + 1}: no worker came to finite losses and parameters; those of "
                f"round {rounds} are kept; lower solver.schedule.learning_rate="
                f"{self.config.schedule.learning_rate:g}",
            )
        if self._empty == _MOST_EMPTY_ROUNDS:
            raise RunEnded(
                "failed",
                f"round {rounds + 1}: no worker has come to its end in {self._empty} attempts; the "
                f"parameters of round {rounds} are kept",
            )

    def _orders(self, index: int, quota: Quota) -> Orders:
        """Say what a worker is to do in this round."""
        crew, config = self.crew, self.config.momentum
        worker, stacks = crew.workers[index], [crew.parameters, crew.statistics]
        sources = [stack.base for stack in stacks]
        if worker.member.trains and (config.at_average != "keep" or worker.fresh):
            own = index in self._resumed and config.at_average == "keep"
            sources.append(crew.momentum.rows[index + 1] if own else crew.momentum.base)
        self._resumed.discard(index)
        if config.at_average == "average":
            stacks.append(crew.momentum)
        results = [stack.rows[index + 1] for stack in stacks] if worker.member.trains else []
        hyper = (self._rate, config.momentum, config.weight_decay)
        return Orders(quota, hyper, tuple(sources), tuple(results))

    def _report(self) -> Process:
        """Add a row; return ``target_accuracy`` if that is reached, else an empty string."""
        row = yield from self.reporter.report(self.epochs, self._rate, self._averaged)
        target = self.config.target_accuracy
        return "target_accuracy" if target is not None and row.test_accuracy >= target else ""

    def _checkpoint(self) -> Process:
        """Hand the state out; workers forget what they have fetched, as a run that goes on has."""
        with self.reporter.standing_still():
            for seat in self.roster.at_work:
                yield from seat.worker.settle()
            self.monitor.checkpoint((yield from self.snapshots.save()))

    def _status(self) -> str:
        """Return why to stop now; empty to go on."""
        if self.epochs.epoch >= self.config.epochs:
            return "finished"
        if self.epochs.rounds >= self.stop.max_rounds:
            return "max_rounds"
        limit = self.stop.max_seconds
        return "max_seconds" if limit is not None and self.reporter.seconds >= limit else ""
