"""What a recipe needs of a backend: a handful of calls around raw kernel launches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from hetengine_kernels.profile import Profile


class Memory(Protocol):
    """A typed array, or a section of one, in the device's memory."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Extent in elements."""
        ...

    @property
    def size(self) -> int:
        """Elements."""
        ...

    @property
    def dtype(self) -> np.dtype:
        """Element type."""
        ...


class Launcher(Protocol):
    """Raw launches on one device, from one thread, in order.

    Attributes
    ----------
    profile : Profile
        Settings of the device.
    """

    profile: Profile

    def launch(self, kernel: str, real: np.dtype, groups: int, *args: Any) -> None:
        """Enqueue a kernel of the source; return without waiting.

        Parameters
        ----------
        kernel : str
            Name in the source.
        real : dtype
            What REAL is.
        groups : int
            Work-groups; with 0 the kernel is only built.
        *args
            The arguments of `hetengine_kernels.Signature.arguments`, in order.
        """
        ...

    def scratch(self, name: str, dtype: np.dtype) -> Memory:
        """Return a piece of memory of the launcher's own; see `Profile.scratch`."""
        ...

    def workspace(self, dtype: np.dtype, count: int) -> Memory:
        """Return room for so many elements, of no particular content.

        It belongs to the recipe that asked until it has enqueued its last launch.
        """
        ...

    def read(self, memory: Memory, count: int) -> np.ndarray:
        """Wait for everything enqueued and return the first elements of an array."""
        ...

    def elapsed(self) -> float:
        """Seconds of device time since the last call, from first start to last end; after `read`.

        By the device's own clock.
        """
        ...
