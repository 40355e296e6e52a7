"""What the losses of a round are used for: the table to sample by, and the mean to report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hetengine.device import Device, Event, HostFunction
from hetengine.solvers.local_sgd.classes import Member
from hetengine.solvers.local_sgd.contribution import Contribution
from hetengine.solvers.local_sgd.loss_table import LossTable
from hetengine.solvers.local_sgd.work import vector_work


class Observations:
    """Takes the losses of a round in.

    Parameters
    ----------
    host : Device
        Where that is done.
    members : sequence of Member
        All workers.
    table : LossTable
        What is known of the samples.
    """

    def __init__(self, host: Device, members: Sequence[Member], table: LossTable) -> None:
        self._host = host
        self._members = tuple(members)
        self._table = table
        training = [member for member in members if member.trains]
        uniform = [member.index for member in training if member.sampling == "uniform"]
        self._reporting = set(uniform or [member.index for member in training])
        self._uses_table = any(member.sampling != "uniform" for member in training)

    def note(self, found: Sequence[Contribution], rounds: int) -> Event:
        """Launch the taking in of what a round has brought.

        Parameters
        ----------
        found : sequence of Contribution
            Those that count, by index.
        rounds : int
            The round's number.

        Returns
        -------
        Event
            With the sum of the losses to report and the number of samples it is over: those of
            workers that draw uniformly, since hard samples would make the mean look worse than it
            is.
        """
        # Of two observations in one round, that of a training step is the later one.
        order = sorted(found, key=lambda each: self._members[each.index].trains)

        def note() -> tuple[float, int]:
            for each in order if self._uses_table else ():
                group = self._members[each.index].group
                self._table.write(group, each.ids, each.losses, rounds)
            heard = [each for each in found if each.index in self._reporting]
            total = sum(float(each.losses.sum(dtype=np.float64)) for each in heard)
            return total, sum(each.samples for each in heard)

        kernel = HostFunction("note", note, nominal=(float("nan"), 1))
        count = sum(each.samples for each in found)
        return self._host.launch(kernel, (), vector_work(count, 8, 2, 1, "note"), category="deal")
