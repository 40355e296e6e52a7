"""When samples are dealt out, and to whom: a period lasts as many rounds as the data do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hetengine.device import Device, HostFunction
from hetengine.solvers.local_sgd.accounting import accounts
from hetengine.solvers.local_sgd.config import LocalSgdConfig
from hetengine.solvers.local_sgd.loss_table import LossTable
from hetengine.solvers.local_sgd.replica import Process
from hetengine.solvers.local_sgd.sampling import Share, deal
from hetengine.solvers.local_sgd.seeds import dealing
from hetengine.solvers.local_sgd.work import deal_work
from hetengine.solvers.local_sgd.worker import Worker


class Periods:
    """Deals samples to the workers at work.

    Parameters
    ----------
    config : LocalSgdConfig
        Policies of sampling.
    host : Device
        Where it is decided.
    table : LossTable
        What is known of the samples.
    seed : int
        Of the run.

    Attributes
    ----------
    period : int
        Periods dealt so far.
    round : int
        Rounds of the present one that have begun.
    length : int
        Its length in rounds; 0 for over.
    """

    def __init__(self, config: LocalSgdConfig, host: Device, table: LossTable, seed: int) -> None:
        self.period = 0
        self.round = 0
        self.length = 0
        self._config = config
        self._host = host
        self._table = table
        self._seed = seed

    def end(self) -> None:
        """Deal again before the next round: workers or taus have changed."""
        self.length = 0

    def begin_round(self, workers: Sequence[Worker], taus: Mapping[int, int]) -> Process:
        """Deal if a period is over.

        Parameters
        ----------
        workers : sequence of Worker
            Those at work.
        taus : mapping of int to int
            Steps expected of each in a round, by index.
        """
        if self.round >= self.length:
            yield from self._deal(workers, taus)
        self.round += 1

    def _deal(self, workers: Sequence[Worker], taus: Mapping[int, int]) -> Process:
        members = [worker.member for worker in workers]
        samples = self._table.merged.size
        counts = accounts(self._config, members, taus, samples)
        self.length = max(counts.rounds_per_period, 1)
        sizes = {m.index: self.length * m.batch * taus[m.index] for m in members}
        rng = dealing(self._seed, self.period)

        def decide() -> dict[int, Share]:
            self._table.end_period()
            return deal(self._config.sampling, members, sizes, self._table.merged, rng)

        kernel = HostFunction("deal", decide, decides=True)
        amount = deal_work(samples, min(counts.candidates, samples))
        shares = yield self._host.launch(kernel, (), amount, category="deal")
        for worker in workers:
            yield from worker.settle()
            worker.feed.deal(shares[worker.member.index])
        self.period += 1
        self.round = 0
