"""Recipes of pooling and flattening; see `hetengine.nets.kernels.pooling`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hetengine.nets.planes import Planes
from hetengine_kernels.launcher import Launcher, Memory
from hetengine_kernels.nets.grid import check, image_grid, row_grid


def _place(images: int, height: int, width: int) -> tuple[int, int]:
    planes = Planes(images, height, width)
    check(planes)
    return planes.length, planes.first


def _average_pool(
    run: Launcher, x: Memory, p: Memory, images: int, channels: int, height: int, width: int
) -> None:
    args = (x, p, *_place(images, height, width), images, channels, height, width)
    run.launch("net_average_pool", x.dtype, image_grid(run, x.dtype, images, channels), *args)


def _average_pool_back(
    run: Launcher,
    dp: Memory,
    dx: Memory,
    images: int,
    channels: int,
    height: int,
    width: int,
    target: int,
) -> None:
    shape = (images, channels, height, width)
    args = (dp, dx, *_place(images, height, width), *shape, int(target == 2))
    groups = image_grid(run, dx.dtype, images, channels)
    run.launch("net_average_pool_back", dx.dtype, groups, *args)


def _max_pool(
    run: Launcher,
    x: Memory,
    z: Memory,
    images: int,
    channels: int,
    height: int,
    width: int,
    window: int,
) -> None:
    rows, columns = height // window, width // window
    places = (*_place(images, height, width), *_place(images, rows, columns))
    args = (x, z, *places, images, channels, height, width, window)
    run.launch("net_max_pool", x.dtype, row_grid(run, images, channels, rows), *args)


def _max_pool_back(
    run: Launcher,
    x: Memory,
    dz: Memory,
    dx: Memory,
    images: int,
    channels: int,
    height: int,
    width: int,
    window: int,
    target: int,
) -> None:
    places = (
        *_place(images, height, width),
        *_place(images, height // window, width // window),
    )
    args = (x, dz, dx, *places, images, channels, height, width, window, int(target == 2))
    run.launch("net_max_pool_back", dx.dtype, row_grid(run, images, channels, height), *args)


def _flatten(
    run: Launcher, x: Memory, p: Memory, images: int, channels: int, height: int, width: int
) -> None:
    args = (x, p, *_place(images, height, width), images, channels, height, width)
    run.launch("net_flatten", x.dtype, row_grid(run, images, channels, height), *args)


def _flatten_back(
    run: Launcher,
    dp: Memory,
    dx: Memory,
    images: int,
    channels: int,
    height: int,
    width: int,
    target: int,
) -> None:
    shape = (images, channels, height, width)
    args = (dp, dx, *_place(images, height, width), *shape, int(target == 2))
    run.launch("net_flatten_back", dx.dtype, row_grid(run, images, channels, height), *args)


RECIPES: dict[str, Callable[..., Any]] = {
    "net_average_pool": _average_pool,
    "net_average_pool_back": _average_pool_back,
    "net_max_pool": _max_pool,
    "net_max_pool_back": _max_pool_back,
    "net_flatten": _flatten,
    "net_flatten_back": _flatten_back,
}
"""Recipes by name."""
