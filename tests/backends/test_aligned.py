"""Memory of the host: zeroed, writable, on a cache line, and given back."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from hetengine.aligned import LEAST_BYTES, LINE_BYTES, aligned_zeros

SMALL, LARGE = 100, LEAST_BYTES + 12


@pytest.mark.parametrize("nbytes", [0, 1, SMALL, LEAST_BYTES - 1, LEAST_BYTES, LARGE])
def test_arrays_are_zeroed_writable_and_begin_on_a_cache_line(nbytes: int) -> None:
    found = aligned_zeros((nbytes,), np.dtype(np.uint8))
    assert found.shape == (nbytes,)
    assert not found.any()
    assert found.ctypes.data % LINE_BYTES == 0 or nbytes == 0
    found[:] = 7
    assert (found == 7).all()


def test_shapes_and_types_are_those_asked_for() -> None:
    found = aligned_zeros((3, LARGE), np.dtype(np.float64))
    assert (found.shape, found.dtype, found.flags.c_contiguous) == ((3, LARGE), np.float64, True)


def test_large_arrays_do_not_share_memory_and_do_not_begin_alike() -> None:
    """Those that all began on a large page would compete for the same lines of a cache."""
    first, second = (aligned_zeros((LARGE,), np.dtype(np.uint8)) for _ in range(2))
    first[:] = 1
    assert not second.any()
    assert (first.ctypes.data - second.ctypes.data) % (1 << 16) != 0


def test_memory_goes_back_with_the_last_array_that_uses_it() -> None:
    found = aligned_zeros((LARGE,), np.dtype(np.uint8))
    part, base = found[10:20], weakref.ref(found)
    pages = weakref.ref(bottom(found))
    del found
    gc.collect()
    assert base() is None
    assert pages() is not None
    del part
    gc.collect()
    assert pages() is None


def bottom(array: np.ndarray) -> np.ndarray:
    """The array that all views of it are views of."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def test_too_much_is_a_memory_error() -> None:
    with pytest.raises(MemoryError):
        aligned_zeros((1 << 62,), np.dtype(np.uint8))
