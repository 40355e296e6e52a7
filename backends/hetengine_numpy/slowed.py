"""A stand-in for a slower processor: the option ``slowdown`` of a CPU device."""

from __future__ import annotations

import math
import time
from typing import Any

from hetengine.device import Kernel
from hetengine.errors import UsageError, did_you_mean
from hetengine.topology import DeviceSpec

OPTION = "slowdown"


def slowdown_of(spec: DeviceSpec) -> float:
    """Return how many times as long every launch on a device shall take.

    Parameters
    ----------
    spec : DeviceSpec
        With ``options.slowdown``, 1 where there is none.

    Raises
    ------
    UsageError
        If it is no number of at least 1, or there are other options.
    """
    owner = f"topology.devices.{spec.name}.options"
    for key in spec.options:
        if key != OPTION:
            raise UsageError(f"{owner}.{key} is unknown; {did_you_mean(key, [OPTION])}")
    value = spec.options.get(OPTION, 1)
    if isinstance(value, str) or not (math.isfinite(value) and value >= 1):
        raise UsageError(f"{owner}.{OPTION}={value} must be a number of at least 1")
    return float(value)


class Slowed:
    """A kernel after which the device rests, so that it takes ``slowdown`` times as long.

    The core is free meanwhile, and results are those of the kernel.

    Parameters
    ----------
    kernel : Kernel
        What runs.
    slowdown : float
        At least 1.

    Attributes
    ----------
    name : str
        Name in traces.
    """

    def __init__(self, kernel: Kernel, slowdown: float) -> None:
        self.name = kernel.name
        self._kernel = kernel
        self._slowdown = slowdown

    def __call__(self, *args: Any) -> Any:
        """Run to completion and rest, on the calling thread."""
        begun = time.perf_counter()
        result = self._kernel(*args)
        time.sleep((self._slowdown - 1.0) * (time.perf_counter() - begun))
        return result
