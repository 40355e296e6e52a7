"""Fully connected layers, loss, update and averaging: see `hetengine.nets.kernels`."""

from __future__ import annotations

import numpy as np

from hetengine_numpy.kernels import net_dense as loops
from hetengine_numpy.team import Team


def net_dense(
    team: Team,
    x: np.ndarray,
    weights: np.ndarray,
    bias: np.ndarray,
    y: np.ndarray,
    rows: int,
    inputs: int,
    outputs: int,
    biased: int,
    relu: int,
) -> None:
    """Multiply rows with weights."""
    team.run(loops.dense, x, weights, bias, y, rows, inputs, outputs, biased, relu)


def net_dense_back(
    team: Team,
    x: np.ndarray,
    weights: np.ndarray,
    y: np.ndarray,
    dy: np.ndarray,
    dweights: np.ndarray,
    dbias: np.ndarray,
    dx: np.ndarray,
    rows: int,
    inputs: int,
    outputs: int,
    biased: int,
    relu: int,
    target: int,
) -> None:
    """Take the gradients of weights, bias and input."""
    if relu:
        team.run(loops.relu_back, dy, y, rows * outputs)
    if biased:
        loops.column_sums(dy, dbias, rows, outputs)
    team.run(loops.products, dy, 1, outputs, x, dweights, outputs, rows, inputs, False)
    if target:
        add = target == 2
        team.run(loops.products, dy, outputs, 1, weights, dx, rows, outputs, inputs, add)


def net_relu(team: Team, x: np.ndarray, z: np.ndarray, count: int) -> None:
    """Clip below 0."""
    team.run(loops.relu, x, z, count)


def net_relu_back(team: Team, dz: np.ndarray, z: np.ndarray, count: int) -> None:
    """Zero the gradient where the output is."""
    team.run(loops.relu_back, dz, z, count)


def net_add(team: Team, x: np.ndarray, y: np.ndarray, count: int, target: int) -> None:
    """Copy or add."""
    team.run(loops.add, x, y, count, target == 2)


def net_cross_entropy(
    team: Team,
    logits: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    losses: np.ndarray,
    hits: np.ndarray,
    dlogits: np.ndarray,
    rows: int,
    classes: int,
) -> None:
    """Take losses, hits and the gradient of the mean loss."""
    loops.cross_entropy(logits, labels, weights, losses, hits, dlogits, rows, classes)


def net_sgd(
    team: Team,
    parameters: np.ndarray,
    gradients: np.ndarray,
    momentum: np.ndarray,
    hyper: np.ndarray,
    count: int,
) -> None:
    """Take one step."""
    team.run(loops.sgd, parameters, gradients, momentum, hyper, count)


def net_average(
    team: Team,
    stacked: np.ndarray,
    weights: np.ndarray,
    out: np.ndarray,
    sources: int,
    count: int,
) -> None:
    """Add flat vectors up with weights."""
    team.run(loops.average, stacked, weights, out, sources, count)


#: Kernels of this module by name.
KERNELS = {
    "net_dense": net_dense,
    "net_dense_back": net_dense_back,
    "net_relu": net_relu,
    "net_relu_back": net_relu_back,
    "net_add": net_add,
    "net_cross_entropy": net_cross_entropy,
    "net_sgd": net_sgd,
    "net_average": net_average,
}
