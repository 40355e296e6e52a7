"""Convolutions: see `hetengine.nets.kernels.convolution` for what each kernel does."""

from __future__ import annotations

import numpy as np

from hetengine.nets.planes import LANES, Planes, round_up
from hetengine_numpy.kernels import net_affine
from hetengine_numpy.kernels import net_conv as loops
from hetengine_numpy.kernels.net_simd import (
    ADD,
    SUM,
    TILE_CHANNELS,
    VECTOR_BYTES,
    WRITE,
)
from hetengine_numpy.nets.taps import Taps, backward_taps, forward_taps, weight_inputs
from hetengine_numpy.team import Team

# Elements of one channel that the gradient of weights works through at a time, so that what a tile
# needs stays in the second-level cache.
_CHUNK = 4096

# Bytes of the gradient of an output that are in flight between its norm and its convolution.
_BLOCK_BYTES = 2 << 20
_NO_SUMS = np.zeros((0, 0, 2))


def net_pack(
    team: Team,
    weights: np.ndarray,
    packed: np.ndarray,
    channels: int,
    outputs: int,
    taps: int,
    stride: int,
    backward: int,
) -> None:
    """Lay weights out in tiles; for the backward pass, one phase after another."""
    planes, strides = Planes(1, 1, 1), (channels * taps, taps)
    if not backward:
        places = forward_taps(planes, taps, stride).places
        team.run(loops.pack, weights, packed, 0, outputs, channels, *strides, places)
        return
    at = 0
    for each in backward_taps(planes, taps, stride):
        args = (at, channels, outputs, *strides[::-1], each.places)
        team.run(loops.pack, weights, packed, *args)
        at += _packed_length(each, outputs, channels)


def _forward(
    team: Team,
    x: np.ndarray,
    packed: np.ndarray,
    y: np.ndarray,
    planes: Planes,
    channels: int,
    outputs: int,
    taps: int,
    stride: int,
    sums: np.ndarray,
) -> None:
    """Convolve; take sums per row if there is somewhere to put them."""
    found = forward_taps(planes, taps, stride)
    channel_stride = planes.length * (1 if stride == 1 else 4)
    mode = SUM if sums.size else WRITE
    place = (y, planes.first, planes.length)
    inputs = (x, channel_stride, channels)
    args = (packed, 0, place, outputs, planes.groups, mode, sums)
    _convolve(team, planes, found, inputs, *args)


def net_conv(
    team: Team,
    x: np.ndarray,
    packed: np.ndarray,
    y: np.ndarray,
    images: int,
    channels: int,
    outputs: int,
    height: int,
    width: int,
    taps: int,
    stride: int,
) -> None:
    """Convolve."""
    planes = Planes(images, height, width)
    _forward(team, x, packed, y, planes, channels, outputs, taps, stride, _NO_SUMS)


def net_conv_norm(
    team: Team,
    x: np.ndarray,
    packed: np.ndarray,
    y: np.ndarray,
    mask: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    running: np.ndarray,
    coefficients: np.ndarray,
    images: int,
    channels: int,
    outputs: int,
    height: int,
    width: int,
    taps: int,
    stride: int,
    epsilon: float,
    momentum: float,
) -> None:
    """Convolve, and take the statistics of each row while it is in registers."""
    planes = Planes(images, height, width)
    sums = np.empty((planes.groups * height, outputs, 2))
    _forward(team, x, packed, y, planes, channels, outputs, taps, stride, sums)
    tensors = (gamma, beta, running, coefficients)
    net_affine.norm_coefficients(sums, *tensors, outputs, planes.pixels, epsilon, momentum)


def net_conv_back(
    team: Team,
    x: np.ndarray,
    g: np.ndarray,
    y: np.ndarray,
    coefficients: np.ndarray,
    mask: np.ndarray,
    packed: np.ndarray,
    dy: np.ndarray,
    dweights: np.ndarray,
    dx: np.ndarray,
    images: int,
    channels: int,
    outputs: int,
    height: int,
    width: int,
    taps: int,
    stride: int,
    normed: int,
    target: int,
) -> None:
    """Gradients of weights and input, some groups of images at a time.

    The gradient of the output of all of them takes turns in the same few planes, so that it never
    leaves the caches.
    """
    planes = Planes(images, height, width)
    conv = _Backward(team, planes, x, packed, dx, channels, outputs, taps, stride, target)
    if not normed:
        conv.run(g, 0, planes.groups)
    else:
        size = planes.image_stride - planes.stride
        several = max(1, round(_BLOCK_BYTES / (outputs * planes.image_stride * dy.itemsize)))
        for group in range(0, planes.groups, several):
            count = min(several, planes.groups - group)
            first = planes.first + group * planes.image_stride
            extents = (planes.length, outputs, count, planes.image_stride, size)
            args = (g, y, coefficients, mask, dy, first, planes.first, *extents, False)
            team.run(net_affine.norm_input, *args)
            conv.run(dy, group, count)
    loops.unpack_weights(conv.out, dweights, channels, outputs, taps)


class _Backward:
    """Both gradients of one convolution, from the gradient of the output of some groups."""

    def __init__(
        self,
        team: Team,
        planes: Planes,
        x: np.ndarray,
        packed: np.ndarray,
        dx: np.ndarray,
        channels: int,
        outputs: int,
        taps: int,
        stride: int,
        target: int,
    ) -> None:
        self.team, self.planes = team, planes
        self.x, self.packed, self.dx = x, packed, dx
        self.channels, self.outputs, self.target = channels, outputs, target
        self.phases = 1 if stride == 1 else 4
        self.inputs = weight_inputs(planes, taps, stride, channels)
        self.sets = backward_taps(planes, taps, stride)
        self.blocks = -(-outputs // TILE_CHANNELS)
        tiles = self.blocks * TILE_CHANNELS * self.inputs.positions.size
        self.out = np.zeros(tiles, x.dtype)
        if target == 1 and len(self.sets) < self.phases:
            dx[: channels * self.phases * planes.length] = 0

    def run(self, dy: np.ndarray, group: int, count: int) -> None:
        """Take the first ``count`` groups of dy for those of x and dx from ``group`` on."""
        self._weights(dy, group, count)
        if self.target:
            self._input(dy, group, count)

    def _weights(self, dy: np.ndarray, group: int, count: int) -> None:
        planes = self.planes
        row_size = planes.width * LANES
        row_chunk = min(planes.height, max(1, _CHUNK // row_size))
        self.team.run(
            loops.conv_weights,
            self.x,
            group * planes.image_stride,
            self.inputs.positions,
            self.inputs.fetched,
            self.inputs.rows,
            dy,
            planes.first,
            planes.length,
            self.blocks,
            count,
            planes.height,
            planes.width,
            planes.stride,
            max(1, _CHUNK // (row_size * row_chunk)),
            row_chunk,
            self.out,
        )

    def _input(self, dy: np.ndarray, group: int, count: int) -> None:
        planes, at = self.planes, 0
        begin = planes.first + group * planes.image_stride
        mode = WRITE if self.target == 1 else ADD
        for found in self.sets:
            place = (self.dx, begin + found.phase * planes.length, self.phases * planes.length)
            inputs = (dy, planes.length, self.outputs)
            args = (self.packed, at, place, self.channels, count, mode, _NO_SUMS)
            _convolve(self.team, planes, found, inputs, *args)
            at += _packed_length(found, self.outputs, self.channels)


def _convolve(
    team: Team,
    planes: Planes,
    taps: Taps,
    inputs: tuple[np.ndarray, int, int],
    packed: np.ndarray,
    packed_at: int,
    place: tuple[np.ndarray, int, int],
    outputs: int,
    groups: int,
    mode: int,
    sums: np.ndarray,
) -> None:
    """Convolve an (array, channel stride, channels) into an (array, first pixel, stride)."""
    team.run(
        loops.conv,
        *inputs,
        taps.positions,
        taps.ahead,
        taps.top,
        taps.bottom,
        packed,
        packed_at,
        *place,
        -(-outputs // TILE_CHANNELS),
        groups,
        planes.height,
        planes.width,
        planes.stride,
        VECTOR_BYTES // place[0].itemsize,
        mode,
        sums,
    )


def _packed_length(taps: Taps, inputs: int, outputs: int) -> int:
    return round_up(outputs, TILE_CHANNELS) * inputs * taps.places.size


def net_split(
    team: Team,
    x: np.ndarray,
    phases: np.ndarray,
    images: int,
    channels: int,
    height: int,
    width: int,
) -> None:
    """Split planes into four phases."""
    planes = Planes(images, height, width)
    half = planes.halved()
    places = (x, planes.first, planes.length, phases, half.first, half.length)
    team.run(loops.split, *places, channels, planes.groups, height, width)


def net_merge(
    team: Team,
    dphases: np.ndarray,
    dx: np.ndarray,
    images: int,
    channels: int,
    height: int,
    width: int,
    target: int,
) -> None:
    """Put four phases together again."""
    planes = Planes(images, height, width)
    half = planes.halved()
    places = (dphases, half.first, half.length, dx, planes.first, planes.length)
    add = target == 2
    team.run(loops.merge, *places, channels, planes.groups, height, width, add)


#: Kernels of this module by name.
KERNELS = {
    "net_pack": net_pack,
    "net_conv": net_conv,
    "net_conv_norm": net_conv_norm,
    "net_conv_back": net_conv_back,
    "net_split": net_split,
    "net_merge": net_merge,
}
