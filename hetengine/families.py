"""Linear models and nets: which problems, data and solvers go together, and what else does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from hetengine.data.config import DataConfig
from hetengine.data.images.config import ImageDataConfig
from hetengine.errors import UsageError
from hetengine.nets.config import NetConfig
from hetengine.problems.config import ProblemConfig
from hetengine.solvers.config import DuhlConfig
from hetengine.solvers.local_sgd.config import LocalSgdConfig

if TYPE_CHECKING:
    from hetengine.config import RunConfig

_NET_METRICS = ("test_error", "test_loss")
_LINEAR_METRICS = ("relative_gap", "objective")


class LinearParts(NamedTuple):
    """What a config of a linear model consists of.

    Attributes
    ----------
    problem : ProblemConfig
    data : DataConfig
    solver : DuhlConfig
    """

    problem: ProblemConfig
    data: DataConfig
    solver: DuhlConfig


class NetParts(NamedTuple):
    """What a config of a net consists of.

    Attributes
    ----------
    problem : NetConfig
    data : ImageDataConfig
    solver : LocalSgdConfig
    """

    problem: NetConfig
    data: ImageDataConfig
    solver: LocalSgdConfig


def linear_parts(config: RunConfig) -> LinearParts:
    """Return the parts of a checked config of a linear model."""
    problem, data, solver = config.problem, config.data, config.solver
    assert isinstance(problem, ProblemConfig)
    assert isinstance(data, DataConfig)
    assert isinstance(solver, DuhlConfig)
    return LinearParts(problem, data, solver)


def net_parts(config: RunConfig) -> NetParts:
    """Return the parts of a checked config of a net."""
    problem, data, solver = config.problem, config.data, config.solver
    assert isinstance(problem, NetConfig)
    assert isinstance(data, ImageDataConfig)
    assert isinstance(solver, LocalSgdConfig)
    return NetParts(problem, data, solver)


def trains_net(config: RunConfig) -> bool:
    """Return whether a config, once checked, trains a net rather than a linear model."""
    return isinstance(config.solver, LocalSgdConfig)


def check_family(config: RunConfig, overrides: Sequence[str] = ()) -> None:
    """Refuse parts that do not go together.

    Parameters
    ----------
    config : RunConfig
        Composed.
    overrides : sequence of str
        What was typed.

    Raises
    ------
    UsageError
        With what to type instead.
    """
    parts = {
        "problem": isinstance(config.problem, NetConfig),
        "data": isinstance(config.data, ImageDataConfig),
        "solver": isinstance(config.solver, LocalSgdConfig),
    }
    # What is not the default says what is meant: the defaults train a linear model.
    if any(parts.values()) and not all(parts.values()):
        raise UsageError(_mixed(config, parts))
    if all(parts.values()):
        _check_net(config, overrides)
    elif config.metric in _NET_METRICS:
        raise UsageError(_wrong_metric(config.metric, "a linear model", _LINEAR_METRICS))


def _mixed(config: RunConfig, parts: dict[str, bool]) -> str:
    """Say which parts are of a net, which are not, and what to type for a net throughout."""
    named = {key: f"{key}={getattr(config, key).name}" for key in parts}
    nets = [named[key] for key, net in parts.items() if net]
    others = [named[key] for key, net in parts.items() if not net]
    mends = {"problem": "problem=cnn", "data": "data=digits_images", "solver": "solver=local_sgd"}
    add = " ".join(mends[key] for key, net in parts.items() if not net)
    verb = "is" if len(nets) == 1 else "are"
    return (
        f"{' and '.join(nets)} {verb} for nets, {' and '.join(others)} for linear models; to train "
        f"a net type {add}, or choose from hetengine --help"
    )


def _check_net(config: RunConfig, overrides: Sequence[str]) -> None:
    if config.memory_fraction is not None:
        raise UsageError(
            f"memory_fraction={config.memory_fraction} is a share of a matrix, and a net's data "
            "stay with the host; leave it out, or cap a device with "
            "topology.devices.NAME.capacity_bytes"
        )
    if any(word.lstrip("+").startswith("tol=") for word in overrides):
        raise UsageError(
            "tol is a relative duality gap, which nets do not have; type "
            "solver.target_accuracy=0.95, say, or leave it out"
        )
    if config.metric in _LINEAR_METRICS:
        raise UsageError(_wrong_metric(config.metric, "a net", _NET_METRICS))


def _wrong_metric(metric: str, what: str, allowed: Sequence[str]) -> str:
    return (
        f"metric={metric} is nothing {what} has; allowed: auto, {', '.join(allowed)}, seconds, "
        "bytes_host_to_device"
    )
