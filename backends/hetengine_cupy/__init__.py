"""The CUDA backend: NVIDIA GPUs through CuPy, with the kernels it shares with OpenCL."""

from hetengine_cupy.backend import CupyBackend

__all__ = ["CupyBackend"]
