"""Batch norm, biases and what follows: see `hetengine.nets.kernels.affine`."""

from __future__ import annotations

import numpy as np

from hetengine.nets.planes import Planes
from hetengine_numpy.kernels import net_affine as loops
from hetengine_numpy.team import Team


def extents(planes: Planes, channels: int) -> tuple[int, ...]:
    """Return what the loops want to know of a geometry."""
    size = planes.image_stride - planes.stride
    return planes.first, planes.length, channels, planes.groups, planes.image_stride, size


def _sums(planes: Planes, channels: int) -> np.ndarray:
    return np.empty((planes.groups, channels, 2))


def net_norm(
    team: Team,
    y: np.ndarray,
    mask: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    running: np.ndarray,
    coefficients: np.ndarray,
    images: int,
    channels: int,
    height: int,
    width: int,
    epsilon: float,
    momentum: float,
) -> None:
    """Take the statistics of a batch, and the affine map they make."""
    planes = Planes(images, height, width)
    sums = _sums(planes, channels)
    team.run(loops.norm_sums, y, mask, *extents(planes, channels), sums)
    tensors = (gamma, beta, running, coefficients)
    loops.norm_coefficients(sums, *tensors, channels, planes.pixels, epsilon, momentum)


def net_norm_running(
    team: Team,
    gamma: np.ndarray,
    beta: np.ndarray,
    running: np.ndarray,
    coefficients: np.ndarray,
    channels: int,
    epsilon: float,
) -> None:
    """Take the affine map of the running statistics."""
    loops.running_coefficients(gamma, beta, running, coefficients, channels, epsilon)


def net_bias(team: Team, bias: np.ndarray, coefficients: np.ndarray, channels: int) -> None:
    """Take the affine map of a bias."""
    loops.bias_coefficients(bias, coefficients, channels)


def net_apply(
    team: Team,
    y: np.ndarray,
    coefficients: np.ndarray,
    r: np.ndarray,
    r_coefficients: np.ndarray,
    mask: np.ndarray,
    z: np.ndarray,
    images: int,
    channels: int,
    height: int,
    width: int,
    residual: int,
    relu: int,
) -> None:
    """Apply the affine map, the residual and the ReLU."""
    tensors = (y, coefficients, r, r_coefficients, mask, z)
    geometry = extents(Planes(images, height, width), channels)
    team.run(loops.apply, *tensors, *geometry, residual, relu)


def net_norm_back(
    team: Team,
    dz: np.ndarray,
    z: np.ndarray,
    y: np.ndarray,
    mask: np.ndarray,
    coefficients: np.ndarray,
    gamma: np.ndarray,
    dgamma: np.ndarray,
    dbeta: np.ndarray,
    images: int,
    channels: int,
    height: int,
    width: int,
    relu: int,
) -> None:
    """Take g, the gradients of gamma and beta, and the map that gives the gradient of y."""
    planes = Planes(images, height, width)
    sums = _sums(planes, channels)
    team.run(loops.norm_back_sums, dz, z, y, mask, *extents(planes, channels), relu, sums)
    tensors = (coefficients, gamma, dgamma, dbeta)
    loops.norm_back_coefficients(sums, *tensors, channels, planes.pixels)


def net_bias_back(
    team: Team,
    dz: np.ndarray,
    z: np.ndarray,
    mask: np.ndarray,
    dbias: np.ndarray,
    images: int,
    channels: int,
    height: int,
    width: int,
    relu: int,
) -> None:
    """Take g and the gradient of the bias."""
    planes = Planes(images, height, width)
    sums = _sums(planes, channels)
    team.run(loops.norm_back_sums, dz, z, dz, mask, *extents(planes, channels), relu, sums)
    loops.bias_gradient(sums, dbias, channels)


def net_norm_input(
    team: Team,
    g: np.ndarray,
    y: np.ndarray,
    coefficients: np.ndarray,
    mask: np.ndarray,
    dy: np.ndarray,
    images: int,
    channels: int,
    height: int,
    width: int,
    target: int,
) -> None:
    """Take the gradient of the input of a norm."""
    first, *geometry = extents(Planes(images, height, width), channels)
    args = (g, y, coefficients, mask, dy, first, first, *geometry, target == 2)
    team.run(loops.norm_input, *args)


#: Kernels of this module by name.
KERNELS = {
    "net_norm": net_norm,
    "net_norm_running": net_norm_running,
    "net_bias": net_bias,
    "net_apply": net_apply,
    "net_norm_back": net_norm_back,
    "net_bias_back": net_bias_back,
    "net_norm_input": net_norm_input,
}
