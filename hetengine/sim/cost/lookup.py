"""Which entry of a device's table of kernels a launch belongs to."""

from __future__ import annotations

from collections.abc import Mapping

from hetengine.calibrate.spec import KernelCost


def key_of(kernel: str, variant: str) -> str:
    """Return the key of a kernel in a topology file.

    Examples
    --------
    >>> key_of("dense_epoch", "float32/hinge"), key_of("touch", "")
    ('dense_epoch/float32/hinge', 'touch')
    """
    return f"{kernel}/{variant}" if variant else kernel


def find(kernels: Mapping[str, KernelCost], kernel: str, variant: str) -> KernelCost | None:
    """Return the entry of this variant, or that of the kernel over all variants, or None.

    Parameters
    ----------
    kernels : mapping of str to KernelCost
        A device's table.
    kernel, variant : str
        Name of the kernel, and the path through it.
    """
    cost = kernels.get(key_of(kernel, variant))
    return kernels.get(kernel) if cost is None else cost
