"""The OpenCL backend: GPUs, FPGAs and CPUs through whatever driver this machine has."""

from hetengine_opencl.backend import OpenClBackend

__all__ = ["OpenClBackend"]
