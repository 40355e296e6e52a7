"""Everything a run allocates: a replica per worker, and the exchange between them."""

from __future__ import annotations

from numpy.typing import DTypeLike

from hetengine.data.images.dataset import ImageData
from hetengine.errors import UsageError, did_you_mean
from hetengine.machine import Machine
from hetengine.nets.model import Model
from hetengine.solvers.local_sgd.accounting import check_accounts
from hetengine.solvers.local_sgd.classes import Member, members_of, pace_setters
from hetengine.solvers.local_sgd.config import LocalSgdConfig
from hetengine.solvers.local_sgd.exchange import Stack
from hetengine.solvers.local_sgd.replica import Replica
from hetengine.solvers.local_sgd.samples import Samples
from hetengine.solvers.local_sgd.worker import Worker


class Crew:
    """The workers of a run, in the order of their indices.

    Parameters
    ----------
    model : Model
        What they train.
    data : ImageData
        What on.
    machine : Machine
        Where.
    config : LocalSgdConfig
        How.
    seed : int
        Of the run.
    dtype : dtype
        Type to compute in.

    Attributes
    ----------
    members : tuple of Member
        What the configuration says of each.
    workers : list of Worker
        With everything allocated.
    idle : list of str
        Accelerators that belong to no class.
    train, test : Samples
        Images; ``test`` is None where there are none.
    parameters, statistics, momentum : Stack
        Where vectors meet.

    Raises
    ------
    UsageError
        If the parts do not go together; nothing has been allocated then.
    OutOfCapacity
        If a device cannot hold what it must.
    """

    def __init__(
        self,
        model: Model,
        data: ImageData,
        machine: Machine,
        config: LocalSgdConfig,
        seed: int,
        dtype: DTypeLike,
    ) -> None:
        devices = {device.name: device for device in (*machine.accelerators, machine.host)}
        specs = [device.spec for device in machine.accelerators]
        self.members = members_of(config, machine.host.name, specs)
        used = {member.device for member in self.members}
        self.idle = [spec.name for spec in specs if spec.name not in used]
        self.train = Samples(data, model)
        self.test = None if data.test is None else Samples(data.test, model)
        check_accounts(config, self.members, self.train.count)
        _check_evaluation(config, self.members, self.test is not None)
        stored = self.train.nbytes + (0 if self.test is None else self.test.nbytes)
        machine.host.memory.reserve("images", stored)
        self.workers = [self._worker(m, model, machine, seed, dtype) for m in self.members]
        first = devices[pace_setters(self.members)[0].device]
        pinning = [
            devices[member.device]
            for member in self.members
            if devices[member.device] is not machine.host
            and devices[member.device].spec.backend == first.spec.backend
        ]

        def stack(name: str, count: int) -> Stack:
            return Stack(machine.host, name, len(self.members), count, dtype, pinning)

        self.parameters = stack("parameters", model.parameter_count)
        self.statistics = stack("statistics", max(model.statistic_count, 1))
        self.momentum = stack("momentum", model.parameter_count)

    def _worker(
        self, member: Member, model: Model, machine: Machine, seed: int, dtype: DTypeLike
    ) -> Worker:
        device = next(
            device
            for device in (*machine.accelerators, machine.host)
            if device.name == member.device
        )
        replica = Replica(
            device, machine.host, machine.clock, model, member.batch, self.train, dtype
        )
        return Worker(member, replica, self.train, seed)


def _check_evaluation(config: LocalSgdConfig, members: tuple[Member, ...], test: bool) -> None:
    """Refuse an evaluation that nobody can do."""
    name = config.evaluation.device
    known = [member.device for member in members]
    if name is not None and name not in known:
        raise UsageError(f"solver.evaluation.device={name!r}; {did_you_mean(name, known)}")
    if config.target_accuracy is not None and not test:
        raise UsageError(
            f"solver.target_accuracy={config.target_accuracy} needs test images, and the data have "
            "none; take it away or choose data with a test set"
        )
