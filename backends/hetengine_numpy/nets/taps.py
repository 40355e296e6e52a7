"""Where the taps of a convolution lie, as the compiled loops want it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hetengine.nets.planes import Planes
from hetengine_numpy.kernels.net_simd import TILE_INPUTS


@dataclass(frozen=True, slots=True, eq=False)
class Taps:
    """Some taps of a convolution; those that lie a row higher first, a row lower last.

    Attributes
    ----------
    places : ndarray, int64
        Which taps of the weights, in the order used.
    positions : ndarray, int64
        Where each meets the first pixel of the output, in one channel of the input.
    ahead : ndarray, int64
        Positions that the next row of the output meets first, one per plane that is read.
    top, bottom : int
        How many lie a row higher, and a row lower.
    phase : int
        Phase that the backward pass writes; 0 with stride 1.
    """

    places: np.ndarray
    positions: np.ndarray
    ahead: np.ndarray
    top: int
    bottom: int
    phase: int = 0


def _taps(planes: Planes, taps: list[tuple[int, int, int, int]], phase: int = 0) -> Taps:
    """Sort (row, place, plane, offset) by row; the offset is one within the plane."""
    ordered = sorted(taps, key=lambda tap: tap[0])
    lowest = {plane: row for row, _, plane, _ in ordered}
    return Taps(
        np.array([place for _, place, _, _ in ordered], np.int64),
        np.array(
            [planes.first + plane * planes.length + offset for _, _, plane, offset in ordered],
            np.int64,
        ),
        np.array(
            [
                planes.first + plane * planes.length + (row + 1) * planes.stride
                for plane, row in lowest.items()
            ],
            np.int64,
        ),
        sum(tap[0] < 0 for tap in ordered),
        sum(tap[0] > 0 for tap in ordered),
        phase,
    )


def _row(taps: int, tap: int) -> int:
    return 0 if taps == 1 else tap // 3 - 1


@lru_cache(maxsize=256)
def forward_taps(planes: Planes, taps: int, stride: int) -> Taps:
    """Taps of the output of a convolution.

    Parameters
    ----------
    planes : Planes
        Geometry of the output.
    taps, stride : int
        1 or 9, and 1 or 2; with stride 2 positions lie in the four phases of one channel.
    """
    rows = [_row(taps, t) for t in range(taps)]
    if stride == 1:
        offsets = planes.offsets(taps)
        return _taps(planes, [(rows[t], t, 0, offset) for t, offset in enumerate(offsets)])
    phased = enumerate(planes.phase_offsets(taps))
    return _taps(planes, [(min(rows[t], 0), t, phase, offset) for t, (phase, offset) in phased])


@lru_cache(maxsize=256)
def backward_taps(planes: Planes, taps: int, stride: int) -> tuple[Taps, ...]:
    """Taps of the gradient of a convolution's input: one set, or one per phase that has taps.

    Parameters
    ----------
    planes : Planes
        Geometry of the output.
    taps, stride : int
        As in `forward_taps`.
    """
    if stride == 1:
        back = [(-_row(taps, t), t, 0, -offset) for t, offset in enumerate(planes.offsets(taps))]
        return (_taps(planes, back),)
    phases: dict[int, list[tuple[int, int, int, int]]] = {}
    for t, (phase, offset) in enumerate(planes.phase_offsets(taps)):
        phases.setdefault(phase, []).append((int(_row(taps, t) < 0), t, 0, -offset))
    return tuple(_taps(planes, phases[phase], phase) for phase in sorted(phases))


@dataclass(frozen=True, slots=True, eq=False)
class WeightInputs:
    """Inputs whose products with the output's gradient make the gradient of weights.

    Attributes
    ----------
    positions : ndarray, shape (triples, TILE_INPUTS), int64
        In the order (channel, tap); the last triple repeats its last input where one is missing.
    fetched : ndarray, shape (triples, TILE_INPUTS), bool
        One per plane that is read: the one that comes to new rows first.
    rows : ndarray, shape (triples,), int64
        How many rows lower all of a triple lie; 0 if they differ.
    """

    positions: np.ndarray
    fetched: np.ndarray
    rows: np.ndarray


@lru_cache(maxsize=256)
def weight_inputs(planes: Planes, taps: int, stride: int, channels: int) -> WeightInputs:
    """Return the inputs of the gradient of weights.

    Parameters
    ----------
    planes : Planes
        Geometry of the output.
    taps, stride, channels : int
        The convolution.
    """
    found = forward_taps(planes, taps, stride)
    channel_stride = planes.length * (1 if stride == 1 else 4)
    every = np.add.outer(np.arange(channels) * channel_stride, found.positions).reshape(-1)
    triples = -(-every.size // TILE_INPUTS)
    last = every.size - 1
    positions = every[np.minimum(np.arange(triples * TILE_INPUTS), last)]
    fetched = np.ones((triples, TILE_INPUTS), np.bool_)
    rows = np.zeros(triples, np.int64)
    if taps == 9:
        kernel_row = np.arange(triples) % 3
        rows -= kernel_row == 0
        if stride == 1:
            rows += kernel_row == 2
        fetched[:, 0] = False
        fetched[:, 2] = stride == 2
        fetched[kernel_row < (2 if stride == 1 else 1)] = False
    return WeightInputs(positions.reshape(triples, TILE_INPUTS), fetched, rows)
