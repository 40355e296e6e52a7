"""How work over planes is cut: positions into chunks, chunks and channels into groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hetengine.errors import UsageError
from hetengine.nets.planes import BLOCK, LANES, Planes, round_up
from hetengine_kernels.launcher import Launcher

OUTS = 8
"""Channels that a work-item of a convolution keeps side by side; OUTS in the source."""

_MOST_POSITIONS = 1 << 31


def grid(run: Launcher, tasks: int) -> int:
    """Return how many groups share so many tasks."""
    return min(tasks, run.profile.most_groups)


def items_grid(run: Launcher, program: str, items: int) -> int:
    """Return how many groups share so many items of which each work-item takes one at a time."""
    return grid(run, -(-items // run.profile.work_groups[program]))


def row_grid(run: Launcher, images: int, channels: int, rows: int) -> int:
    """Return how many groups share the rows of planes, each of `LANES` images side by side."""
    return grid(run, -(-images // LANES) * channels * rows)


def image_grid(run: Launcher, real: np.dtype, images: int, channels: int) -> int:
    """Return how many groups share images and channels, a vector of images per work-item."""
    lanes = round_up(images, LANES) // run.profile.lanes(real)
    return items_grid(run, "net_planes", lanes * channels)


@dataclass(frozen=True, slots=True)
class Cut:
    """Planes cut into chunks of positions.

    Attributes
    ----------
    planes : Planes
        The geometry.
    chunk : int
        Positions of a chunk, a multiple of `hetengine.nets.planes.BLOCK`.
    """

    planes: Planes
    chunk: int

    @property
    def chunks(self) -> int:
        """Chunks of a plane."""
        return -(-self.planes.block_span // self.chunk)

    @property
    def extent(self) -> tuple[int, int, int]:
        """First position, positions, and positions of a chunk, as kernels take them."""
        return self.planes.first, self.planes.block_span, self.chunk


def cut(run: Launcher, images: int, height: int, width: int) -> Cut:
    """Cut planes as the device's profile says.

    Raises
    ------
    UsageError
        If positions of four planes cannot be counted in 31 bits, or groups are larger than a block.
    """
    planes = Planes(images, height, width)
    check(planes)
    size = run.profile.work_groups["net_conv"]
    if size > BLOCK:
        raise UsageError(
            f"work_group={size} is too large for the kernels of nets; set it to at most {BLOCK}"
        )
    return Cut(planes, round_up(run.profile.positions, BLOCK))


def check(planes: Planes) -> None:
    """Refuse planes whose positions do not fit into the kernels' 32-bit offsets.

    Raises
    ------
    UsageError
        If so.
    """
    if 4 * planes.length >= _MOST_POSITIONS:
        raise UsageError(
            f"a batch of {planes.images} images of {planes.height} x {planes.width} has "
            f"{planes.length:,} positions per plane; at most {_MOST_POSITIONS // 4:,} can be "
            "addressed; use smaller batches"
        )
