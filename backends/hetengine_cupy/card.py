"""One GPU as CuPy sees it: its name and size, its streams, and making it current.

CUDA's current device is a setting of each thread. Nothing here relies on what it was: every use
makes the card current and puts back what there was.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from hetengine.backend import DeviceInfo
from hetengine.threaded import COMPUTE, DOWN, UP


class Card:
    """A GPU with three streams of its own, which wait for each other only where they are told to.

    Parameters
    ----------
    cupy : module
        CuPy.
    index : int
        Number of the GPU among the visible ones.

    Attributes
    ----------
    cupy : module
        CuPy.
    streams : dict of str to cupy.cuda.Stream
        By queue: compute, up, down.
    """

    def __init__(self, cupy: Any, index: int) -> None:
        self.cupy = cupy
        self.index = index
        properties = cupy.cuda.runtime.getDeviceProperties(index)
        self.name = name_of(properties)
        self.multiprocessors = int(properties["multiProcessorCount"])
        self.architecture = f"sm_{properties['major']}{properties['minor']}"
        with self.current():
            self.streams = {
                queue: cupy.cuda.Stream(non_blocking=True) for queue in (COMPUTE, UP, DOWN)
            }

    def current(self) -> AbstractContextManager[Any]:
        """Make it the calling thread's device for as long as the context lasts."""
        return self.cupy.cuda.Device(self.index)


def name_of(properties: dict[str, Any]) -> str:
    """Return the name in a device's properties, which CuPy leaves as bytes."""
    name = properties["name"]
    return name.decode() if isinstance(name, bytes) else str(name)


def all_cards(cupy: Any) -> list[DeviceInfo]:
    """Describe every visible GPU."""
    runtime = cupy.cuda.runtime
    found: list[DeviceInfo] = []
    for index in range(runtime.getDeviceCount()):
        properties = runtime.getDeviceProperties(index)
        detail = (
            f"compute {properties['major']}.{properties['minor']}, "
            f"{properties['multiProcessorCount']} multiprocessors"
        )
        memory = int(properties["totalGlobalMem"])
        found.append(DeviceInfo("cupy", index, name_of(properties), memory, detail))
    return found
