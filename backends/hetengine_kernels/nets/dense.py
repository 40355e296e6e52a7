"""Recipes on matrices of features; see `hetengine.nets.kernels.dense`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hetengine_kernels.launcher import Launcher, Memory
from hetengine_kernels.nets.grid import grid, items_grid

_TILE = 4  # rows, and outputs, of a work-item; TILE in the source


def _tiles(count: int) -> int:
    return -(-count // _TILE)


def vector_grid(run: Launcher, count: int) -> int:
    """Return how many groups share a flat vector, chunk by chunk."""
    return grid(run, -(-count // run.profile.elements))


def _dense(
    run: Launcher,
    x: Memory,
    weights: Memory,
    bias: Memory,
    y: Memory,
    rows: int,
    inputs: int,
    outputs: int,
    biased: int,
    relu: int,
) -> None:
    groups = items_grid(run, "net_rows", _tiles(rows) * _tiles(outputs))
    args = (x, weights, bias, y, rows, inputs, outputs, biased, relu)
    run.launch("net_dense", x.dtype, groups, *args)


def _dense_back(
    run: Launcher,
    x: Memory,
    weights: Memory,
    y: Memory,
    dy: Memory,
    dweights: Memory,
    dbias: Memory,
    dx: Memory,
    rows: int,
    inputs: int,
    outputs: int,
    biased: int,
    relu: int,
    target: int,
) -> None:
    real = x.dtype
    if relu:
        _relu_back(run, dy, y, rows * outputs)
    _product(run, real, dy, x, dweights, (outputs, inputs, rows), (1, outputs), 0)
    if biased:
        groups = items_grid(run, "net_rows", outputs)
        run.launch("net_column_sums", real, groups, dy, dbias, rows, outputs)
    if target:
        sizes = (rows, inputs, outputs)
        _product(run, real, dy, weights, dx, sizes, (outputs, 1), int(target == 2))


def _product(
    run: Launcher,
    real: np.dtype,
    a: Memory,
    b: Memory,
    to: Memory,
    sizes: tuple[int, int, int],
    strides: tuple[int, int],
    add: int,
) -> None:
    """Multiply matrices; sizes are rows, columns and depth, strides those of a."""
    rows, columns, _ = sizes
    lanes = run.profile.lanes(real)
    items = _tiles(rows) * (columns // lanes + columns % lanes)
    groups = items_grid(run, "net_rows", items)
    run.launch("net_product", real, groups, a, b, to, *sizes, *strides, add)


def _relu(run: Launcher, x: Memory, z: Memory, count: int) -> None:
    run.launch("net_relu", x.dtype, vector_grid(run, count), x, z, count, run.profile.elements)


def _relu_back(run: Launcher, dz: Memory, z: Memory, count: int) -> None:
    run.launch(
        "net_relu_back", dz.dtype, vector_grid(run, count), dz, z, count, run.profile.elements
    )


def _add(run: Launcher, x: Memory, y: Memory, count: int, target: int) -> None:
    args = (x, y, count, run.profile.elements, int(target == 2))
    run.launch("net_add", x.dtype, vector_grid(run, count), *args)


RECIPES: dict[str, Callable[..., Any]] = {
    "net_dense": _dense,
    "net_dense_back": _dense_back,
    "net_relu": _relu,
    "net_relu_back": _relu_back,
    "net_add": _add,
}
"""Recipes by name."""
