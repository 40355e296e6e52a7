"""How kernels are launched on a class of device: group sizes, how many at once, which solver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from hetengine.errors import UsageError, did_you_mean
from hetengine_kernels.epoch import BLOCK_SOLVERS
from hetengine_kernels.sources import NET_PROGRAMS, PROGRAMS

_GROUPS_PER_UNIT = 8
_SCRATCH_SHARE = 64
_TILE_STEP = 4
_CPU_LANE_BYTES = 64
_UNLIMITED = 1 << 30
_MOST_NET_ITEMS = 256  # a block of positions, which every span of positions is a multiple of


@dataclass(frozen=True, slots=True)
class Profile:
    """Launch settings of one device.

    Attributes
    ----------
    work_groups : mapping of str to int
        Work-items per group, by program; a power of two.
    groups : int
        Most groups of any launch; each takes several columns where there are more.
    concurrency : int
        Most groups of an epoch, which run against each other. 1 is sequential descent.
    tile : int
        Columns per tile of the tile solver; a multiple of 4.
    tiles_at_once : int
        Gram matrices computed by one launch.
    span : int
        Rows that a group of a row-wise kernel owns at a time.
    fp64 : bool
        Whether the device computes in double.
    block_solver : {'auto', 'async', 'tile'}
        Which solver runs the epochs of dense columns; ``auto`` measures both on first use.
    most_groups : int
        Most groups of a launch of a net's kernel.
    lane_bytes : int
        Width of the vectors of a CPU's work-item; 0 where the work-items are the lanes.
    positions : int
        Positions of a plane that a group handles at a time, a multiple of 256.
    slice_positions : int
        Least positions that a group sums over for the gradient of weights.
    elements : int
        Elements of a flat vector that a group handles at a time.
    """

    work_groups: Mapping[str, int] = field(hash=False)
    groups: int
    concurrency: int
    tile: int
    tiles_at_once: int
    span: int
    fp64: bool = True
    block_solver: str = "auto"
    most_groups: int = 1
    lane_bytes: int = 0
    positions: int = 1024
    slice_positions: int = 4096
    elements: int = 8192

    @classmethod
    def cpu(cls, threads: int, fp64: bool = True) -> Profile:
        """Return settings for a CPU: one work-item per group, whose loops the compiler vectorises.

        Epochs stay sequential: cores that share w slow each other down.
        """
        groups = 1 if threads == 1 else 4 * threads
        own = cls(dict.fromkeys(PROGRAMS, 1), groups, 1, 16, 8, 1024, fp64)
        return replace(own, most_groups=groups, lane_bytes=_CPU_LANE_BYTES)

    @classmethod
    def gpu(cls, compute_units: int, fp64: bool = True) -> Profile:
        """Return settings for a GPU: wide groups for dense columns, one warp for sparse ones.

        Nets: groups of 128 for planes, of which as many are launched as there is work for, and a
        warp for each row of an image.
        """
        sizes = {"common": 256, "dense": 256, "tile": 256, "sparse": 32}
        sizes |= dict.fromkeys(NET_PROGRAMS, 128) | {"net_planes": 32}
        groups = _GROUPS_PER_UNIT * compute_units
        own = cls(sizes, groups, groups, 64, 32, 256, fp64)
        return replace(
            own, most_groups=_UNLIMITED, positions=256, slice_positions=1024, elements=1024
        )

    @classmethod
    def pipeline(cls, fp64: bool = True) -> Profile:
        """Return settings for an FPGA: one work-item, one group, loops that become pipelines."""
        return cls(dict.fromkeys(PROGRAMS, 1), 1, 1, 16, 1, 1024, fp64, "async")

    @property
    def scatter(self) -> bool:
        """Whether an epoch draws its order as it goes; otherwise it is shuffled beforehand."""
        return self.concurrency > 1

    @property
    def scalar(self) -> np.dtype:
        """Type of SCALAR in the kernels."""
        return np.dtype(np.float64 if self.fp64 else np.float32)

    def lanes(self, real: np.dtype) -> int:
        """Return how many numbers a work-item handles side by side."""
        return max(self.lane_bytes // real.itemsize, 1)

    def slices(self, positions: int, tasks: int) -> int:
        """Return into how many slices a sum over positions is cut, for so many tasks per slice."""
        most = max(positions // self.slice_positions, 1)
        if self.lane_bytes:
            return most
        return min(most, max(-(-self.groups // tasks), 1))

    def defines(self, program: str, real: np.dtype) -> dict[str, str]:
        """Return the preprocessor definitions a program is built with.

        Parameters
        ----------
        program : str
            A key of `hetengine_kernels.PROGRAMS`.
        real : dtype
            float32 or float64.
        """
        double = real == np.float64
        nets = {"LANES": str(self.lanes(real))} if program in NET_PROGRAMS else {}
        return nets | {
            "REAL": "double" if double else "float",
            "REAL_DOUBLE": str(int(double)),
            "FP64": str(int(self.fp64)),
            "WG": str(self.work_groups[program]),
            "SPAN": str(self.span),
            "TILE": str(self.tile),
        }

    def scratch(self) -> dict[str, int]:
        """Return what the recipes need beside the caller's buffers: bytes by name."""
        sizes = {"partials": 16 * max(self.concurrency, 1), "tile_sums": 16}
        if self.block_solver != "async":
            sizes |= {
                "gram": 8 * self.tiles_at_once * self.tile * self.tile,
                "dots": 8 * self.tile,
                "factors": 8 * self.tile,
            }
        return sizes

    def fitted(self, capacity_bytes: int | None) -> Profile:
        """Return settings whose scratch is a small part of a capacity.

        The tile solver gets fewer Gram matrices at once, and is left out of ``auto`` where even one
        would take too much.
        """
        if capacity_bytes is None:
            return self
        profile, limit = self, capacity_bytes // _SCRATCH_SHARE
        while sum(profile.scratch().values()) > limit and profile.tiles_at_once > 1:
            profile = replace(profile, tiles_at_once=profile.tiles_at_once // 2)
        if sum(profile.scratch().values()) > limit and profile.block_solver == "auto":
            profile = replace(profile, block_solver="async")
        return profile

    def changed(self, owner: str, options: Mapping[str, str | int | float]) -> Profile:
        """Return these settings with those of a topology's ``options``.

        Parameters
        ----------
        owner : str
            Key of the options, for messages.
        options : mapping
            Any of ``block_solver``, ``concurrency``, ``work_group``, ``tile``; others are ignored.

        Raises
        ------
        UsageError
            If a value is out of range.
        """
        profile = self
        if "block_solver" in options:
            profile = replace(profile, block_solver=_solver(owner, options["block_solver"]))
        if "concurrency" in options:
            most = _count(owner, "concurrency", options["concurrency"], 1)
            profile = replace(profile, concurrency=most, groups=max(profile.groups, most))
        if "tile" in options:
            tile = _count(owner, "tile", options["tile"], _TILE_STEP)
            if tile % _TILE_STEP:
                raise UsageError(f"{owner}.tile={tile} must be a multiple of {_TILE_STEP}")
            profile = replace(profile, tile=tile)
        if "work_group" in options:
            size = _count(owner, "work_group", options["work_group"], 1)
            if size & (size - 1):
                raise UsageError(f"{owner}.work_group={size} must be a power of two")
            sizes = dict.fromkeys(profile.work_groups, size)
            sizes |= dict.fromkeys(NET_PROGRAMS, min(size, _MOST_NET_ITEMS))
            lane_bytes = self.lane_bytes if size == 1 else 0  # or work-items are the lanes
            profile = replace(profile, work_groups=sizes, lane_bytes=lane_bytes)
        return profile


OPTIONS = ("block_solver", "concurrency", "tile", "work_group")
"""Options of a device in a topology that `Profile.changed` heeds."""


def _solver(owner: str, value: object) -> str:
    if value not in BLOCK_SOLVERS:
        hint = did_you_mean(value, BLOCK_SOLVERS)
        raise UsageError(f"{owner}.block_solver={value!r}; {hint}")
    return str(value)


def _count(owner: str, key: str, value: object, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise UsageError(f"{owner}.{key}={value!r} must be a whole number of at least {least}")
    return value
