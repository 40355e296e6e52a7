"""Host memory the GPU copies from and to by itself: page-aligned, registered with the driver.

Whether memory is pinned is a fact recorded here, never guessed from its address.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hetengine.device import Buffer
from hetengine.leases import root_of
from hetengine_cupy.card import Card
from hetengine_cupy.cuda import one_line

PAGE_BYTES = 4096
_PORTABLE = 1  # cudaHostRegisterPortable: pinned for every device of the process


class PinnedPages:
    """A zeroed piece of host memory of whole pages, registered until it is released.

    Whole pages, because the driver pins pages: two arrays that share one cannot both be pinned.

    Parameters
    ----------
    card : Card
        The GPU.
    nbytes : int
        Least size.

    Attributes
    ----------
    bytes : ndarray of uint8
        The memory.
    refused : str
        Why the driver would not pin it, as some containers forbid; empty if it did. Copies work all
        the same, through the driver's staging.
    """

    def __init__(self, card: Card, nbytes: int) -> None:
        size = max(-(-nbytes // PAGE_BYTES), 1) * PAGE_BYTES
        whole = np.zeros(size + PAGE_BYTES, np.uint8)
        first = -whole.ctypes.data % PAGE_BYTES
        self.bytes = whole[first : first + size]
        self.refused = ""
        self._card = card
        runtime = card.cupy.cuda.runtime
        with card.current():
            try:
                runtime.hostRegister(self.address, size, _PORTABLE)
            except runtime.CUDARuntimeError as error:
                self.refused = one_line(error)

    @property
    def address(self) -> int:
        """Where it begins."""
        return int(self.bytes.ctypes.data)

    def release(self) -> None:
        """Let the driver unpin it."""
        if not self.refused:
            with self._card.current():
                self._card.cupy.cuda.runtime.hostUnregister(self.address)


class Pins:
    """The host buffers pinned for one GPU.

    Parameters
    ----------
    card : Card
        The GPU.

    Notes
    -----
    A buffer may be freed on the host while it is pinned here. Its pages stay alive until they are
    unregistered, which happens at the next call of any method.
    """

    def __init__(self, card: Card) -> None:
        self._card = card
        self._pinned: dict[Buffer, PinnedPages] = {}

    @property
    def nbytes(self) -> int:
        """Bytes pinned now."""
        self._sweep()
        return sum(p.bytes.nbytes for p in self._pinned.values() if not p.refused)

    def pin(self, buffer: Buffer) -> str:
        """Move a host buffer to pinned pages; sections taken before keep the old storage.

        Returns
        -------
        str
            Why the driver refused; empty if it did not.
        """
        self._sweep()
        if buffer in self._pinned or buffer.nbytes == 0:
            return ""
        pages = PinnedPages(self._card, buffer.nbytes)
        fresh = pages.bytes[: buffer.nbytes].view(buffer.dtype).reshape(buffer.shape)
        fresh[...] = buffer.array
        buffer.array = fresh
        self._pinned[buffer] = pages
        return pages.refused

    def holds(self, buffer: Buffer) -> bool:
        """Whether a buffer, or the one it is a section of, is pinned."""
        pages = self._pinned.get(root_of(buffer))
        return pages is not None and not pages.refused

    def close(self) -> None:
        """Unpin everything."""
        for pages in self._pinned.values():
            pages.release()
        self._pinned.clear()

    def _sweep(self) -> None:
        for buffer in [each for each in self._pinned if each.array is None]:
            self._pinned.pop(buffer).release()


def address_of(array: Any) -> int:
    """Return where a NumPy array begins."""
    return int(array.ctypes.data)
