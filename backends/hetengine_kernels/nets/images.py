"""Recipes that fill planes and rows; see `hetengine.nets.kernels.images`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hetengine.errors import UsageError
from hetengine.nets.planes import Planes
from hetengine_kernels.launcher import Launcher, Memory
from hetengine_kernels.nets.dense import vector_grid
from hetengine_kernels.nets.grid import check, grid, items_grid, row_grid

_PIXELS = ("uint8", "float32", "float64")


def _fill(run: Launcher, buffer: Memory, offset: int, count: int, value: float) -> None:
    args = (buffer, offset, count, run.profile.elements, value)
    run.launch("net_fill", buffer.dtype, vector_grid(run, count), *args)


def _mask(run: Launcher, mask: Memory, images: int, height: int, width: int) -> None:
    planes = Planes(images, height, width)
    check(planes)
    groups = items_grid(run, "net_planes", planes.length)
    args = (mask, planes.length, planes.first, images, height, width)
    run.launch("net_mask", mask.dtype, groups, *args)


def _images(
    run: Launcher,
    pixels: Memory,
    shifts: Memory,
    norm: Memory,
    out: Memory,
    images: int,
    channels: int,
    height: int,
    width: int,
) -> None:
    planes = Planes(images, height, width)
    check(planes)
    shape = (images, channels, height, width)
    args = (pixels, shifts, norm, out, planes.length, planes.first, *shape)
    groups = row_grid(run, images, channels, height)
    run.launch(f"net_images_{_pixel_type(pixels)}", out.dtype, groups, *args)


def _features(
    run: Launcher,
    pixels: Memory,
    norm: Memory,
    out: Memory,
    rows: int,
    features: int,
    groups: int,
) -> None:
    args = (pixels, norm, out, rows, features, groups)
    run.launch(f"net_features_{_pixel_type(pixels)}", out.dtype, grid(run, rows), *args)


def _pixel_type(pixels: Memory) -> str:
    name = str(pixels.dtype)
    if name not in _PIXELS:
        raise UsageError(f"pixels of type {name}; use one of {', '.join(_PIXELS)}")
    return name


RECIPES: dict[str, Callable[..., Any]] = {
    "net_fill": _fill,
    "net_mask": _mask,
    "net_images": _images,
    "net_features": _features,
}
"""Recipes by name."""
