"""Memory of the host that begins on a cache line, in large pages where it is large.

A kernel of a net reads and writes dozens of channels at once, each in pages of its own: with pages
of 4 KiB that is more than a processor keeps the addresses of.
"""

from __future__ import annotations

import math
import mmap
from itertools import cycle

import numpy as np

#: Bytes of a cache line, and of the widest vector register.
LINE_BYTES = 64

#: Bytes of a large page, and what is large enough for one.
PAGE_BYTES, LEAST_BYTES = 2 << 20, 1 << 20

#: Bytes of the smallest page there is.
SMALL_PAGE_BYTES = 4 << 10

# Arrays that all began on a large page would compete for the same lines of a cache.
_STAGGER = cycle([k * 65 * LINE_BYTES for k in range(16)])

# Systems without the advice have their own way with pages.
_LARGE_PAGES: int | None = getattr(mmap, "MADV_HUGEPAGE", None)


def aligned_zeros(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return a zeroed array whose data begin on a cache line; pages are touched when used.

    Parameters
    ----------
    shape : tuple of int
        Extents.
    dtype : numpy.dtype
        Element type.

    Raises
    ------
    MemoryError
        If there is not as much memory.

    Examples
    --------
    >>> aligned_zeros((3, 5), np.dtype(np.float32)).ctypes.data % LINE_BYTES
    0
    """
    nbytes = math.prod(shape) * dtype.itemsize
    if nbytes >= LEAST_BYTES and _LARGE_PAGES is not None:
        ahead = next(_STAGGER)
        whole = _mapped(nbytes + PAGE_BYTES + ahead, _LARGE_PAGES)
        start = -whole.ctypes.data % PAGE_BYTES + ahead
    else:
        whole = np.zeros(nbytes + LINE_BYTES, np.uint8)
        start = -whole.ctypes.data % LINE_BYTES
    return whole[start : start + nbytes].view(dtype).reshape(shape)


def _mapped(nbytes: int, advice: int) -> np.ndarray:
    """Return zeroed memory of its own pages, given back with the last array that uses it."""
    try:
        pages = mmap.mmap(-1, nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError as error:
        raise MemoryError(f"{nbytes:,} bytes: {error}") from error
    pages.madvise(advice)
    return np.frombuffer(pages, np.uint8)
