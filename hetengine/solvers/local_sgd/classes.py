"""From worker classes to workers: which device belongs to which class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from hetengine.errors import UsageError, did_you_mean
from hetengine.solvers.local_sgd.config import LocalSgdConfig, WorkerClassConfig
from hetengine.topology import DeviceSpec

_WILD = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Member:
    """One worker, with what its class says about it.

    Attributes
    ----------
    index : int
        Its place among all workers: by class as configured, then by device as in the topology.
    device : str
        Where it works.
    group : str
        Its class.
    trains : bool
        Whether it trains, or scores samples only.
    tau : int
        Configured local steps per round.
    batch : int
        Samples per step.
    sampling : {'uniform', 'hard', 'proportional'}
        How its samples are drawn.
    weight : float
        Its weight in the average, times what the aggregation policy gives it.
    """

    index: int
    device: str
    group: str
    trains: bool
    tau: int
    batch: int
    sampling: str
    weight: float


def members_of(
    config: LocalSgdConfig, host: str, accelerators: Sequence[DeviceSpec]
) -> tuple[Member, ...]:
    """Assign devices to the configured classes.

    A device goes to the class that names it, else to the first class with a pattern that fits.

    Parameters
    ----------
    config : LocalSgdConfig
        Classes and the common batch size.
    host : str
        Name of the host, which works only if it is named.
    accelerators : sequence of DeviceSpec
        In the order of the topology.

    Returns
    -------
    tuple of Member
        At least one that trains.

    Raises
    ------
    UsageError
        If a name is unknown or in two classes, or a class comes out empty.
    """
    owner = _named(config, [host, *(spec.name for spec in accelerators)])
    for spec in accelerators:
        for name, group in config.classes.items():
            if spec.name not in owner and _fits(group, spec):
                owner[spec.name] = name
    order = [*(spec.name for spec in accelerators), host]
    members: list[Member] = []
    for name, group in config.classes.items():
        devices = [device for device in order if owner.get(device) == name]
        if not devices:
            raise UsageError(
                f"solver.workers.{name}.devices={group.devices} finds no device left for it; the "
                f"topology has {', '.join(order)}; take the class away with ~solver.workers.{name}"
            )
        for device in devices:
            members.append(_member(len(members), device, name, group, config.batch))
    return tuple(members)


def _named(config: LocalSgdConfig, known: list[str]) -> dict[str, str]:
    """Return the class of every device that a class names."""
    owner: dict[str, str] = {}
    for name, group in config.classes.items():
        for entry in group.devices:
            if not _WILD.isdisjoint(entry):
                continue
            if entry not in known:
                raise UsageError(
                    f"solver.workers.{name}.devices names {entry!r}; {did_you_mean(entry, known)}"
                )
            if owner.setdefault(entry, name) != name:
                raise UsageError(
                    f"solver.workers.{name}.devices names {entry!r}, which class {owner[entry]} "
                    "names too; a device belongs to one class"
                )
    return owner


def _fits(group: WorkerClassConfig, spec: DeviceSpec) -> bool:
    backend = group.backend in (None, spec.backend)
    return backend and any(fnmatchcase(spec.name, entry) for entry in group.devices)


def _member(index: int, device: str, name: str, group: WorkerClassConfig, batch: int) -> Member:
    return Member(
        index=index,
        device=device,
        group=name,
        trains=group.role == "train",
        tau=group.tau,
        batch=batch if group.batch is None else group.batch,
        sampling=group.sampling,
        weight=group.weight,
    )


def pace_setters(members: Sequence[Member]) -> tuple[Member, ...]:
    """Return the workers of the class with the largest configured tau among those that train.

    Of several such classes the first.
    """
    training = [member for member in members if member.trains]
    first = max(training, key=lambda member: (member.tau, -member.index))
    return tuple(member for member in training if member.group == first.group)
