"""Images into planes, pooling and flattening: see `hetengine.nets.kernels`."""

from __future__ import annotations

import numpy as np

from hetengine.nets.planes import Planes
from hetengine_numpy.kernels import net_images as loops
from hetengine_numpy.team import Team


def net_fill(team: Team, buffer: np.ndarray, offset: int, count: int, value: float) -> None:
    """Set elements to a value."""
    buffer[offset : offset + count] = value


def net_mask(team: Team, mask: np.ndarray, images: int, height: int, width: int) -> None:
    """Write 1 where there is a pixel."""
    loops.mask(mask, Planes(images, height, width).first, images, height, width)


def net_images(
    team: Team,
    pixels: np.ndarray,
    shifts: np.ndarray,
    norm: np.ndarray,
    out: np.ndarray,
    images: int,
    channels: int,
    height: int,
    width: int,
) -> None:
    """Crop, mirror and standardise raw images."""
    planes = Planes(images, height, width)
    place = (out, planes.first, planes.length)
    team.run(loops.images, pixels, shifts, norm, *place, images, channels, height, width)


def net_features(
    team: Team,
    pixels: np.ndarray,
    norm: np.ndarray,
    out: np.ndarray,
    rows: int,
    features: int,
    groups: int,
) -> None:
    """Standardise raw features."""
    team.run(loops.features, pixels, norm, out, rows, features, groups)


def net_average_pool(
    team: Team,
    x: np.ndarray,
    p: np.ndarray,
    images: int,
    channels: int,
    height: int,
    width: int,
) -> None:
    """Take the mean of each image."""
    planes = Planes(images, height, width)
    place = (x, planes.first, planes.length)
    team.run(loops.average_pool, *place, p, images, channels, height, width)


def net_average_pool_back(
    team: Team,
    dp: np.ndarray,
    dx: np.ndarray,
    images: int,
    channels: int,
    height: int,
    width: int,
    target: int,
) -> None:
    """Spread the gradient of the mean."""
    planes = Planes(images, height, width)
    place = (dx, planes.first, planes.length)
    args = (dp, *place, images, channels, height, width, target == 2)
    team.run(loops.average_pool_back, *args)


def net_max_pool(
    team: Team,
    x: np.ndarray,
    z: np.ndarray,
    images: int,
    channels: int,
    height: int,
    width: int,
    window: int,
) -> None:
    """Take the largest pixel of each window."""
    planes = Planes(images, height, width)
    small = Planes(images, height // window, width // window)
    places = (x, planes.first, planes.length, z, small.first, small.length)
    team.run(loops.max_pool, *places, images, channels, height, width, window)


def net_max_pool_back(
    team: Team,
    x: np.ndarray,
    dz: np.ndarray,
    dx: np.ndarray,
    images: int,
    channels: int,
    height: int,
    width: int,
    window: int,
    target: int,
) -> None:
    """Give the gradient to the largest pixels."""
    planes = Planes(images, height, width)
    small = Planes(images, height // window, width // window)
    places = (x, dx, planes.first, planes.length, dz, small.first, small.length)
    args = (*places, images, channels, height, width, window, target == 2)
    team.run(loops.max_pool_back, *args)


def net_flatten(
    team: Team,
    x: np.ndarray,
    p: np.ndarray,
    images: int,
    channels: int,
    height: int,
    width: int,
) -> None:
    """Copy planes into rows of features."""
    planes = Planes(images, height, width)
    place = (x, planes.first, planes.length)
    team.run(loops.flatten, *place, p, images, channels, height, width)


def net_flatten_back(
    team: Team,
    dp: np.ndarray,
    dx: np.ndarray,
    images: int,
    channels: int,
    height: int,
    width: int,
    target: int,
) -> None:
    """Copy rows of features back into planes."""
    planes = Planes(images, height, width)
    place = (dx, planes.first, planes.length)
    args = (dp, *place, images, channels, height, width, target == 2)
    team.run(loops.flatten_back, *args)


#: Kernels of this module by name.
KERNELS = {
    "net_fill": net_fill,
    "net_mask": net_mask,
    "net_images": net_images,
    "net_features": net_features,
    "net_average_pool": net_average_pool,
    "net_average_pool_back": net_average_pool_back,
    "net_max_pool": net_max_pool,
    "net_max_pool_back": net_max_pool_back,
    "net_flatten": net_flatten,
    "net_flatten_back": net_flatten_back,
}
