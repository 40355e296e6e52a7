"""A kernel of a net run twice, on the device under test and on the NumPy backend, and compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hetengine.nets.planes import LANES, Planes, padded_channels
from hetengine.registry import backend
from hetengine.testing.bench import close_to
from hetengine.testing.lab import Lab
from hetengine.topology import DeviceSpec

PHASES = 4


@dataclass(frozen=True, slots=True, eq=False)
class Opaque:
    """An array that each backend lays out in its own way: the kernels' own affair.

    Attributes
    ----------
    array : ndarray
        What it holds at first.
    """

    array: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """Planes of which only pixels have a meaning, and of those only some channels'.

    Attributes
    ----------
    array : ndarray, shape (..., length)
        What they hold at first.
    planes : Planes
        Their geometry.
    channels : int
        How many are looked at.
    """

    array: np.ndarray
    planes: Planes
    channels: int


def mask_of(planes: Planes) -> np.ndarray:
    """Return whether each position of a plane is a pixel."""
    inside = np.zeros((planes.groups, planes.height + 1, planes.width + 1, LANES), bool)
    images = np.arange(planes.groups * LANES).reshape(planes.groups, 1, 1, LANES)
    inside[:, : planes.height, : planes.width] = images < planes.images
    mask = np.zeros(planes.length, bool)
    mask[planes.first : planes.first + planes.span] = inside.reshape(-1)[: planes.span]
    return mask


class NetBench:
    """Random planes, and launches on both devices.

    Parameters
    ----------
    lab : Lab
        With the device under test.
    real : str
        ``float32`` or ``float64``.
    seed : int
        Of everything random.
    """

    def __init__(self, lab: Lab, real: str, seed: int = 0) -> None:
        self.real = real
        self.rng = np.random.default_rng(seed)
        self._lab = lab
        self._numpy = Lab(DeviceSpec("reference", backend="numpy"), backend("numpy").open)

    def close(self) -> None:
        """Close the reference's devices."""
        self._numpy.close()

    def normal(self, *shape: int) -> np.ndarray:
        """Return normal numbers of the precision."""
        return self.rng.normal(size=shape).astype(self.real)

    def planes(self, planes: Planes, channels: int, phases: int = 1) -> np.ndarray:
        """Return random masked planes, padded as buffers are."""
        shape = (padded_channels(channels), phases, planes.length)
        values = np.zeros(shape, self.real)
        values[:channels] = self.normal(channels, phases, planes.length) * mask_of(planes)
        return values if phases > 1 else values[:, 0].copy()

    def target(self, planes: Planes, channels: int, phases: int = 1) -> Pixels:
        """Return planes to be written, which hold random pixels before."""
        return Pixels(self.planes(planes, channels, phases), planes, channels)

    def run(self, name: str, *args: Any, slack: float = 1.0) -> list[np.ndarray]:
        """Launch a kernel on both devices and compare every array afterwards.

        Parameters
        ----------
        name : str
            Of the kernel.
        *args
            Arrays, `Pixels`, `Opaque` and scalars.
        slack : float
            Factor on the roundings allowed.

        Returns
        -------
        list of ndarray
            What the arrays hold now, by the reference.
        """
        return self.sequence([(name, args)], slack)

    def sequence(
        self, launches: Sequence[tuple[str, Sequence[Any]]], slack: float = 1.0
    ) -> list[np.ndarray]:
        """Launch kernels one after another; the same array is the same buffer in all of them."""
        given = {id(a): a for _, args in launches for a in args if not _plain(a)}
        results = [_Side(lab, given).run(launches) for lab in (self._lab, self._numpy)]
        for key, each in given.items():
            if not isinstance(each, Opaque):
                self._compare(each, results[0][key], results[1][key], slack)
        return [results[1][key] for key in given]

    def _compare(self, given: Any, found: np.ndarray, right: np.ndarray, slack: float) -> None:
        if isinstance(given, Pixels):
            planes = given.planes
            allowed = np.zeros(planes.length, bool)
            allowed[planes.first : planes.first + planes.block_span] = True
            assert not found[..., ~allowed].any(), "something was written outside of the span"
            assert np.isfinite(found).all()
            inside = mask_of(planes)
            found, right = (each[: given.channels][..., inside] for each in (found, right))
        if right.dtype.kind == "f":
            size = max(1.0, float(np.abs(right).max(initial=0.0)))
            close_to(found / size, right / size, self.real, slack)
        else:
            np.testing.assert_array_equal(found, right)


class _Side:
    """One device with copies of the arrays."""

    def __init__(self, lab: Lab, given: dict[int, Any]) -> None:
        self._lab = lab
        self._buffers = {key: lab.put(_array(each)) for key, each in given.items()}

    def run(self, launches: Sequence[tuple[str, Sequence[Any]]]) -> dict[int, np.ndarray]:
        for name, args in launches:
            self._lab.call(name, *[a if _plain(a) else self._buffers[id(a)] for a in args])
        found = {key: self._lab.get(buffer) for key, buffer in self._buffers.items()}
        for buffer in self._buffers.values():
            self._lab.device.free(buffer)
        return found


def _plain(value: Any) -> bool:
    return not isinstance(value, np.ndarray | Pixels | Opaque)


def _array(value: Any) -> np.ndarray:
    return value if isinstance(value, np.ndarray) else value.array
