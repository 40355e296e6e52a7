"""Local steps per round: as configured, or so that a round takes every worker the same time.

The class with the largest configured tau sets the pace. Setting the steps of the others from
measured speed is DyLU (Liu et al., *Asynchronous Local-SGD Training for Language Modeling*,
arXiv 2401.09135); ending a round when the fast are done is STSyn (arXiv 2210.03521).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import simpy

from hetengine.clock import Clock
from hetengine.solvers.local_sgd.classes import Member, pace_setters
from hetengine.solvers.local_sgd.contribution import Contribution
from hetengine.solvers.local_sgd.policies import TauConfig
from hetengine.solvers.local_sgd.quota import Fixed, Open, Quota

_KEPT = 20


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a worker was in one round.

    Attributes
    ----------
    step_seconds : float
        Per local step.
    other_seconds : float
        For the rest of its round: parameters there and back.
    """

    step_seconds: float
    other_seconds: float


def matched_tau(round_seconds: float, speed: Speed) -> int:
    """Return the steps with which a worker's round takes about as long; at least 1."""
    return max(1, round((round_seconds - speed.other_seconds) / speed.step_seconds))


class Pace:
    """Decides every worker's steps, and learns their speeds.

    Parameters
    ----------
    config : TauConfig
        The policy.
    members : sequence of Member
        All workers.
    clock : Clock
        The run's clock.

    Attributes
    ----------
    taus : dict of int to int
        Steps by index of the worker; what is expected of it where its rounds are open.
    setters : tuple of Member
        Workers that set the pace.
    """

    def __init__(self, config: TauConfig, members: Sequence[Member], clock: Clock) -> None:
        self.setters = pace_setters(members)
        self.taus = {member.index: member.tau for member in members}
        self._config = config
        self._members = tuple(members)
        self._clock = clock
        self._paced = {m.index for m in members} - {m.index for m in self.setters}
        self._speeds: dict[int, list[Speed]] = {}
        if config.name == "finish":
            self.taus |= dict.fromkeys(self._paced, 1)

    def planned(self, rounds: int) -> dict[int, int]:
        """Return the steps expected of every worker in a round, by index.

        Parameters
        ----------
        rounds : int
            Rounds done before.
        """
        if rounds < self._config.sync_rounds:
            return dict.fromkeys(self.taus, 1)
        return dict(self.taus)

    def quotas(self, rounds: int, over: simpy.Event) -> dict[int, Quota]:
        """Return what every worker is to do in a round that begins now, by index.

        Parameters
        ----------
        rounds : int
            Rounds done before.
        over : simpy.Event
            Will fire when those that set the pace are done.
        """
        given: dict[int, Quota] = {k: Fixed(steps) for k, steps in self.planned(rounds).items()}
        if self._config.name == "finish" and rounds >= self._config.sync_rounds:
            ends = self._clock.now + self._round_seconds()
            given |= {index: Open(self._clock, over, ends) for index in self._paced}
        return given

    def learn(self, found: Iterable[Contribution], rounds: int) -> bool:
        """Take in how a round went; return whether taus have changed.

        Parameters
        ----------
        found : iterable of Contribution
            From the workers that came to its end.
        rounds : int
            Rounds done, this one included.
        """
        for each in found:
            other = each.seconds - each.steps * each.step_seconds
            self.observe(each.index, Speed(each.step_seconds, max(other, 0.0)))
            if self._config.name == "finish" and each.index in self._paced:
                self.taus[each.index] = each.steps
        due = rounds >= self._config.sync_rounds and rounds % self._config.every == 0
        return self._config.name == "measured" and due and self.adjust()

    def observe(self, index: int, speed: Speed) -> None:
        """Remember one measurement."""
        self._speeds.setdefault(index, []).append(speed)
        del self._speeds[index][:-_KEPT]

    def adjust(self) -> bool:
        """Set the taus of all who do not set the pace; return whether one has changed.

        A class has one tau, that of its slowest worker.
        """
        before = dict(self.taus)
        length = self._round_seconds()
        groups = {m.group for m in self._members if m.index in self._paced}
        for group in groups if length > 0.0 else ():
            ours = [m.index for m in self._members if m.group == group]
            known = [k for k in ours if k in self._speeds and self._typical(k).step_seconds > 0.0]
            if known:
                slowest = min(matched_tau(length, self._typical(k)) for k in known)
                self.taus |= dict.fromkeys(ours, slowest)
        return self.taus != before

    @property
    def speeds(self) -> np.ndarray:
        """Measurements to save, shape (workers, 20, 2); see `State.speeds`."""
        found = np.full((len(self._members), _KEPT, 2), np.nan)
        for index, speeds in self._speeds.items():
            pairs = [(each.step_seconds, each.other_seconds) for each in speeds]
            found[index, : len(pairs)] = pairs
        return found

    def restore(self, taus: Mapping[int, int], speeds: np.ndarray) -> None:
        """Go on with the taus and measurements of a saved run."""
        self.taus |= taus
        known = ~np.isnan(speeds[..., 0])
        self._speeds = {
            index: [Speed(*pair) for pair in speeds[index, known[index]].tolist()]
            for index in np.flatnonzero(known.any(axis=1)).tolist()
        }

    def _typical(self, index: int) -> Speed:
        speeds = self._speeds[index]
        return Speed(
            median(each.step_seconds for each in speeds),
            median(each.other_seconds for each in speeds),
        )

    def _round_seconds(self) -> float:
        """Expected time of the slowest that sets the pace; -inf if nothing is known."""
        lengths = [
            self._typical(m.index).step_seconds * self.taus[m.index]
            + self._typical(m.index).other_seconds
            for m in self.setters
            if m.index in self._speeds
        ]
        return max(lengths, default=float("-inf"))
