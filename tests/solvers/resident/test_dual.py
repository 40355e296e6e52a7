"""How the dual of a support vector machine is cut up for threads."""

from __future__ import annotations

import numpy as np
import pytest

from hetengine.aligned import LINE_BYTES
from hetengine.solvers.resident.dual import Dual


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 8, 16, 37])
def test_replicas_copy_w_and_share_no_cache_line(dtype: type, size: int) -> None:
    w = np.arange(1, size + 1, dtype=dtype)
    none = np.empty(0, dtype)
    replicas = Dual(none, none, none, none, none, w).replicas(3)
    assert replicas.dtype == w.dtype
    assert replicas.flags.c_contiguous
    assert replicas.shape[:2] == (3, 3)  # every thread has three
    for replica in replicas.reshape(9, -1):
        assert replica.ctypes.data % LINE_BYTES == 0
        assert (replica[:size] == w).all()
        replica[:] = -1
    assert w[0] == 1
