"""How many rounds make an epoch or a period, and whether the data are enough for that.

The counts are those of the released code of biased local SGD (arXiv 2508.08540), which credits
every worker with the steps of the fastest: what it calls an epoch is less than one pass. They are
generalised to a batch size per worker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hetengine.errors import UsageError
from hetengine.solvers.local_sgd.classes import Member, pace_setters
from hetengine.solvers.local_sgd.config import LocalSgdConfig


@dataclass(frozen=True, slots=True)
class Accounts:
    """Counts that follow from the number of samples D, the batches B_k and the taus.

    Attributes
    ----------
    round_samples : int
        Samples trained on in a round: the sum of B_k tau_k.
    epoch_samples : int
        What the paper's epoch takes a round for: the largest tau times the sum of B_k.
    rounds_per_epoch : int
        R = floor(D / epoch_samples).
    rounds_per_period : int
        P: rounds for which samples are dealt out at once, at most floor(D / round_samples).
    hard : int
        K: samples that the ``hard`` classes take per period.
    candidates : int
        C = floor(rho K): the pool they are taken from.
    """

    round_samples: int
    epoch_samples: int
    rounds_per_epoch: int
    rounds_per_period: int
    hard: int
    candidates: int


def accounts(
    config: LocalSgdConfig, members: Sequence[Member], taus: Mapping[int, int], samples: int
) -> Accounts:
    """Count.

    Parameters
    ----------
    config : LocalSgdConfig
        Anchors, rho and the longest period.
    members : sequence of Member
        The workers that take part.
    taus : mapping of int to int
        Local steps by index of the worker.
    samples : int
        D.
    """
    training = [member for member in members if member.trains]
    per_round = sum(member.batch * taus[member.index] for member in training)
    batches = sum(member.batch for member in training) + config.aggregation.anchors * config.batch
    per_epoch = batches * max((taus[member.index] for member in training), default=1)
    period = samples // max(per_round, 1)
    if config.sampling.period_rounds is not None:
        period = min(period, config.sampling.period_rounds)
    hard = sum(m.batch * taus[m.index] for m in training if m.sampling == "hard") * period
    return Accounts(
        round_samples=per_round,
        epoch_samples=per_epoch,
        rounds_per_epoch=samples // max(per_epoch, 1),
        rounds_per_period=period,
        hard=hard,
        candidates=int(config.sampling.rho * hard),
    )


def check_accounts(config: LocalSgdConfig, members: Sequence[Member], samples: int) -> None:
    """Refuse a run that the data are not enough for.

    By the configured taus; where all but those of the fastest follow from speed, by 1 for these.

    Parameters
    ----------
    config : LocalSgdConfig
        As configured.
    members : sequence of Member
        All workers.
    samples : int
        D.

    Raises
    ------
    UsageError
        If a round, or an epoch as the paper counts it, takes more than all samples, or the pool of
        candidates would be larger than the data.
    """
    given = {member.index for member in pace_setters(members)}
    taus = {
        m.index: m.tau if config.tau.name == "given" or m.index in given else 1 for m in members
    }
    known = accounts(config, members, taus, samples)
    if known.rounds_per_period == 0:
        raise UsageError(
            f"solver: a round takes {known.round_samples:,} samples (batch x tau over all workers) "
            f"and there are {samples:,}; lower solver.batch or the largest tau"
        )
    if config.epoch == "paper" and known.rounds_per_epoch == 0:
        raise UsageError(
            f"solver.epoch='paper': an epoch has floor({samples:,} / {known.epoch_samples:,}) = 0 "
            "rounds, samples over the sum of batches x the largest tau; lower solver.batch or the "
            "largest tau, or set solver.epoch=pass"
        )
    if known.candidates > samples:
        per_round = known.hard // known.rounds_per_period
        shorter = int(samples / (config.sampling.rho * per_round))
        raise UsageError(
            f"solver.sampling.rho={config.sampling.rho:g} asks for {known.candidates:,} candidates "
            f"for the {known.hard:,} hard samples of a period of {known.rounds_per_period} rounds, "
            f"and there are {samples:,} samples; set solver.sampling.rho={samples // known.hard}"
            + (f" or solver.sampling.period_rounds={shorter}" if shorter else "")
        )
