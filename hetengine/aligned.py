"""Memory of the host that begins on a cache line."""

from __future__ import annotations

import math

import numpy as np

#: Bytes of a cache line, and of the widest vector register.
LINE_BYTES = 64


def aligned_zeros(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return a zeroed array whose data begin on a cache line; pages are touched when used.

    Parameters
    ----------
    shape : tuple of int
        Extents.
    dtype : numpy.dtype
        Element type.

    Examples
    --------
    >>> aligned_zeros((3, 5), np.dtype(np.float32)).ctypes.data % LINE_BYTES
    0
    """
    nbytes = math.prod(shape) * dtype.itemsize
    whole = np.zeros(nbytes + LINE_BYTES, np.uint8)
    start = -whole.ctypes.data % LINE_BYTES
    return whole[start : start + nbytes].view(dtype).reshape(shape)
