"""The NumPy backend: CPU devices with Numba kernels."""

from hetengine_numpy.backend import NumpyBackend
from hetengine_numpy.device import NumpyDevice

__all__ = ["NumpyBackend", "NumpyDevice"]
