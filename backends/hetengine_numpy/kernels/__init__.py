"""Numba kernels of the NumPy backend, one file per matrix layout."""
