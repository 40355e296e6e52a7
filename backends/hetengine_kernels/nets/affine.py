"""Recipes of batch norm, biases, residuals and ReLU; see `hetengine.nets.kernels.affine`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hetengine_kernels.launcher import Launcher, Memory
from hetengine_kernels.nets.grid import Cut, cut, grid, items_grid


def norm_partials(run: Launcher, over: Cut, channels: int) -> Memory:
    """Return room for two sums per channel and chunk."""
    return run.workspace(run.profile.scalar, 2 * channels * over.chunks)


def finish_norm(
    run: Launcher,
    over: Cut,
    partials: Memory,
    gamma: Memory,
    beta: Memory,
    running: Memory,
    coefficients: Memory,
    channels: int,
    epsilon: float,
    momentum: float,
) -> None:
    """Turn partial sums of pixels and their squares into the affine map of batch norm."""
    run.launch(
        "net_norm",
        gamma.dtype,
        grid(run, channels),
        *(partials, gamma, beta, running, coefficients, channels, over.chunks),
        *(float(over.planes.pixels), epsilon, momentum),
    )


def map_back(
    run: Launcher,
    over: Cut,
    g: Memory,
    y: Memory,
    coefficients: Memory,
    mask: Memory,
    dy: Memory,
    channels: int,
    add: int,
) -> None:
    """dy (or dy +) = (a g + b y + c) mask."""
    args = (g, y, coefficients, mask, dy, over.planes.length, *over.extent, channels, add)
    run.launch("net_norm_input", y.dtype, grid(run, over.chunks * channels), *args)


def _norm(
    run: Launcher,
    y: Memory,
    mask: Memory,
    gamma: Memory,
    beta: Memory,
    running: Memory,
    coefficients: Memory,
    images: int,
    channels: int,
    height: int,
    width: int,
    epsilon: float,
    momentum: float,
) -> None:
    over = cut(run, images, height, width)
    partials = norm_partials(run, over, channels)
    args = (y, mask, partials, over.planes.length, *over.extent, channels)
    run.launch("net_sums", y.dtype, grid(run, over.chunks * channels), *args)
    rest = (gamma, beta, running, coefficients, channels, epsilon, momentum)
    finish_norm(run, over, partials, *rest)


def _norm_running(
    run: Launcher,
    gamma: Memory,
    beta: Memory,
    running: Memory,
    coefficients: Memory,
    channels: int,
    epsilon: float,
) -> None:
    args = (gamma, beta, running, coefficients, channels, epsilon)
    run.launch("net_norm_running", gamma.dtype, items_grid(run, "net_norm", channels), *args)


def _bias(run: Launcher, bias: Memory, coefficients: Memory, channels: int) -> None:
    groups = items_grid(run, "net_norm", channels)
    run.launch("net_bias", bias.dtype, groups, bias, coefficients, channels)


def _apply(
    run: Launcher,
    y: Memory,
    coefficients: Memory,
    r: Memory,
    r_coefficients: Memory,
    mask: Memory,
    z: Memory,
    images: int,
    channels: int,
    height: int,
    width: int,
    residual: int,
    relu: int,
) -> None:
    over = cut(run, images, height, width)
    head = (y, coefficients, r, r_coefficients, mask, z)
    args = (*head, over.planes.length, *over.extent, channels, residual, relu)
    run.launch("net_apply", y.dtype, grid(run, over.chunks * channels), *args)


def _back_sums(
    run: Launcher,
    over: Cut,
    dz: Memory,
    z: Memory,
    y: Memory,
    mask: Memory,
    channels: int,
    relu: int,
    normed: int,
) -> Memory:
    partials = norm_partials(run, over, channels)
    head = (dz, z, y, mask, partials, over.planes.length)
    run.launch(
        "net_back_sums",
        dz.dtype,
        grid(run, over.chunks * channels),
        *(*head, *over.extent, channels, relu, normed),
    )
    return partials


def _norm_back(
    run: Launcher,
    dz: Memory,
    z: Memory,
    y: Memory,
    mask: Memory,
    coefficients: Memory,
    gamma: Memory,
    dgamma: Memory,
    dbeta: Memory,
    images: int,
    channels: int,
    height: int,
    width: int,
    relu: int,
) -> None:
    over = cut(run, images, height, width)
    partials = _back_sums(run, over, dz, z, y, mask, channels, relu, 1)
    args = (partials, gamma, dgamma, dbeta, coefficients, channels, over.chunks)
    pixels = float(over.planes.pixels)
    run.launch("net_norm_back", dz.dtype, grid(run, channels), *args, pixels)


def _bias_back(
    run: Launcher,
    dz: Memory,
    z: Memory,
    mask: Memory,
    dbias: Memory,
    images: int,
    channels: int,
    height: int,
    width: int,
    relu: int,
) -> None:
    over = cut(run, images, height, width)
    partials = _back_sums(run, over, dz, z, z, mask, channels, relu, 0)
    args = (partials, dbias, channels, over.chunks)
    run.launch("net_bias_back", dz.dtype, grid(run, channels), *args)


def _norm_input(
    run: Launcher,
    g: Memory,
    y: Memory,
    coefficients: Memory,
    mask: Memory,
    dy: Memory,
    images: int,
    channels: int,
    height: int,
    width: int,
    target: int,
) -> None:
    over = cut(run, images, height, width)
    map_back(run, over, g, y, coefficients, mask, dy, channels, int(target == 2))


RECIPES: dict[str, Callable[..., Any]] = {
    "net_norm": _norm,
    "net_norm_running": _norm_running,
    "net_bias": _bias,
    "net_apply": _apply,
    "net_norm_back": _norm_back,
    "net_bias_back": _bias_back,
    "net_norm_input": _norm_input,
}
"""Recipes by name."""
