"""The weight of every worker in the average: plain, by work done, or normalised by it (FedNova).

Every rule is a weighted sum of the parameters the round began with and of those the workers have
come to, so that one kernel serves all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hetengine.solvers.local_sgd.classes import Member
from hetengine.solvers.local_sgd.contribution import Contribution
from hetengine.solvers.local_sgd.policies import AggregationConfig, MomentumConfig


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """Coefficients of one weighted sum.

    Attributes
    ----------
    base : float
        Of the vector the round began with.
    workers : dict of int to float
        Of the workers' vectors, by index.
    """

    base: float
    workers: Mapping[int, float]

    def row(self, rows: int, dtype: np.dtype) -> np.ndarray:
        """Return the coefficients in the order of the exchange: base first, then by index.

        They are rounded so that they add up to exactly what they should, in the precision of the
        devices: averaging must not shrink what all agree on.

        Parameters
        ----------
        rows : int
            Workers in all, plus one.
        dtype : dtype
            Precision of the devices.

        Returns
        -------
        ndarray, shape (rows,)
        """
        exact = np.zeros(rows)
        exact[0] = self.base
        for index, value in self.workers.items():
            exact[index + 1] = value
        largest = float(np.abs(exact).max())
        # Every partial sum has to be a whole number of quanta that float64 can hold.
        sums = float(np.finfo(np.float64).eps) * 2.0 ** np.ceil(np.log2(np.abs(exact).sum()))
        quantum = max(float(np.finfo(dtype).eps) * 2.0 ** np.ceil(np.log2(largest)), sums)
        rounded = np.round(exact / quantum) * quantum
        # What is short goes quantum by quantum to those that rounding took most from.
        short = round((1.0 - rounded.sum()) / quantum)
        taken = np.sign(short) * (exact - rounded)
        taken[exact == 0.0] = -np.inf
        order = np.argsort(-taken, kind="stable")[: np.count_nonzero(exact)]
        np.add.at(rounded, np.resize(order, abs(short)), np.sign(short) * quantum)
        return rounded.astype(dtype)


def weights(
    config: AggregationConfig, members: Sequence[Member], found: Sequence[Contribution]
) -> Mixture:
    """Return the weights p_k of a mean; they and that of the anchors add up to 1.

    Parameters
    ----------
    config : AggregationConfig
        What they are proportional to.
    members : sequence of Member
        All workers, for the weights of their classes.
    found : sequence of Contribution
        Those that count, at least one.
    """
    amount = {
        "uniform": lambda each: 1.0,
        "steps": lambda each: float(each.steps),
        "samples": lambda each: float(each.samples),
    }[config.weights]
    raw = {each.index: members[each.index].weight * amount(each) for each in found}
    total = sum(raw.values()) + config.anchors
    return Mixture(config.anchors / total, {k: value / total for k, value in raw.items()})


def fednova(mean: Mixture, found: Sequence[Contribution], momentum: MomentumConfig) -> Mixture:
    """Return the coefficients of FedNova: w + tau_eff sum_k p_k (w_k - w) / a_k.

    tau_eff = sum_k p_k a_k (Wang et al., NeurIPS 2020, eq. 6 to 8).

    Parameters
    ----------
    mean : Mixture
        The weights p_k.
    found : sequence of Contribution
        Those that count.
    momentum : MomentumConfig
        What a step amounts to.
    """
    norm = {each.index: normaliser(each.steps, momentum) for each in found}
    effective = sum(p * norm[k] for k, p in mean.workers.items())
    scaled = {k: effective * p / norm[k] for k, p in mean.workers.items()}
    return Mixture(1.0 - sum(scaled.values()), scaled)


def normaliser(steps: int, momentum: MomentumConfig) -> float:
    """Return a_k, how much of a gradient so many steps amount to.

    Parameters
    ----------
    steps : int
        tau_k.
    momentum : MomentumConfig
        rho and what becomes of v at an average.

    Notes
    -----
    With momentum reset each round, a_k = sum over j = 1..tau of (1 - rho^j) / (1 - rho), as in the
    paper. Where v goes on from round to round, every gradient has its full effect 1 / (1 - rho) in
    the end, so that a_k = tau_k up to a factor which cancels.

    Examples
    --------
    >>> config = MomentumConfig(momentum=0.9, at_average="reset")
    >>> [round(normaliser(tau, config), 1) for tau in (1, 8, 16, 32, 64)]
    [1.0, 28.7, 86.7, 233.1, 550.1]
    """
    rho = momentum.momentum
    if rho == 0.0 or momentum.at_average != "reset":
        return float(steps)
    return (steps - rho * (1.0 - rho**steps) / (1.0 - rho)) / (1.0 - rho)
