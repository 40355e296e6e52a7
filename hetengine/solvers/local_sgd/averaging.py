"""The average of a round: whoever's values are not finite is left out of it."""

from __future__ import annotations

from collections.abc import Sequence

from hetengine.solvers.local_sgd.aggregation import Mixture, fednova, weights
from hetengine.solvers.local_sgd.config import LocalSgdConfig
from hetengine.solvers.local_sgd.contribution import Contribution
from hetengine.solvers.local_sgd.crew import Crew
from hetengine.solvers.local_sgd.exchange import Stack, accept
from hetengine.solvers.local_sgd.failures import Roster
from hetengine.solvers.local_sgd.replica import Process


class Averaging:
    """Brings parameters, statistics and, by policy, momentum together.

    Statistics of batch norm are a plain weighted mean with every rule: they are no sums of
    gradients, which is what FedNova normalises.

    Parameters
    ----------
    config : LocalSgdConfig
        Rule, weights, and what becomes of momentum.
    crew : Crew
        Whose vectors meet.
    roster : Roster
        Loses those whose values are not finite.
    """

    def __init__(self, config: LocalSgdConfig, crew: Crew, roster: Roster) -> None:
        self._config = config
        self._crew = crew
        self._roster = roster

    def prepare(self) -> Process:
        """Build the kernel."""
        for stack in self._stacks:
            stack.blend(Mixture(1.0, {}))
        yield accept(self._stacks)

    @property
    def _stacks(self) -> list[Stack]:
        """What is averaged, parameters first."""
        crew = self._crew
        averaged = self._config.momentum.at_average == "average"
        return [crew.parameters, crew.statistics, *([crew.momentum] if averaged else [])]

    def average(self, found: Sequence[Contribution], rounds: int) -> Process:
        """Average what the workers have come to; it is what the next round begins with.

        Parameters
        ----------
        found : sequence of Contribution
            From workers that trained.
        rounds : int
            Rounds done before.

        Returns
        -------
        list of Contribution
            Those that entered the average; if there are none, nothing has changed.
        """
        left = list(found)
        while left:
            self._blend(left)
            if (yield accept(self._stacks)):
                return left
            finite = yield from self._finite(left)
            for each in left:
                if each not in finite:
                    seat = self._roster.seats[each.index]
                    name = seat.worker.name
                    self._roster.lose(seat, f"{name} returned values that are not finite", rounds)
            # All finite and yet the sum is not: it overflows, whoever is left out.
            left = finite if len(finite) < len(left) else []
        return left

    def _blend(self, found: Sequence[Contribution]) -> None:
        """Launch the sum of every stack."""
        config, members = self._config, self._crew.members
        mean = weights(config.aggregation, members, found)
        mixture = mean
        if config.aggregation.name == "fednova":
            mixture = fednova(mean, found, config.momentum)
        for stack in self._stacks:
            stack.blend(mixture if stack is self._crew.parameters else mean)

    def _finite(self, found: Sequence[Contribution]) -> Process:
        """Return those all of whose vectors are finite."""
        good: list[Contribution] = []
        for each in found:
            whole = True
            for stack in self._stacks:
                whole = (yield stack.finite_row(each.index)) and whole
            if whole:
                good.append(each)
        return good
