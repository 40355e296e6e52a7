"""Recipes of the loss, of the update, and of averaging; see `hetengine.nets.kernels.loss`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hetengine_kernels.launcher import Launcher, Memory
from hetengine_kernels.nets.dense import vector_grid
from hetengine_kernels.nets.grid import items_grid


def _cross_entropy(
    run: Launcher,
    logits: Memory,
    labels: Memory,
    weights: Memory,
    losses: Memory,
    hits: Memory,
    dlogits: Memory,
    rows: int,
    classes: int,
) -> None:
    args = (logits, labels, weights, losses, hits, dlogits, rows, classes)
    run.launch("net_cross_entropy", logits.dtype, items_grid(run, "net_rows", rows), *args)


def _sgd(
    run: Launcher,
    parameters: Memory,
    gradients: Memory,
    momentum: Memory,
    hyper: Memory,
    count: int,
) -> None:
    args = (parameters, gradients, momentum, hyper, count, run.profile.elements)
    run.launch("net_sgd", parameters.dtype, vector_grid(run, count), *args)


def _average(
    run: Launcher, stacked: Memory, weights: Memory, out: Memory, sources: int, count: int
) -> None:
    args = (stacked, weights, out, sources, count, run.profile.elements)
    run.launch("net_average", out.dtype, vector_grid(run, count), *args)


RECIPES: dict[str, Callable[..., Any]] = {
    "net_cross_entropy": _cross_entropy,
    "net_sgd": _sgd,
    "net_average": _average,
}
"""Recipes by name."""
