"""The kernels a net is made of: one table for every backend.

Each function of this package stands for the kernel of its name. Its parameters are the kernel's
arguments in order, its docstring says what the kernel does, and calling it returns the `Work` of
such a launch; it computes nothing. Backends implement the kernels under the same names.

Throughout, ``REAL`` is the type a net computes in, float32 or float64. A buffer of *planes* holds
`hetengine.nets.planes.padded_channels` planes of ``Planes(images, height, width).length`` elements,
channel after channel; *masked* and *unmasked* are explained at `hetengine.nets.planes.Planes`. A
kernel that writes unmasked planes may fill all the padded channels, with any finite values; one
that reads planes uses the real channels only. Buffers of a launch do not overlap unless it is said.
Where a docstring gives a target, 0 is for nothing to be written, 1 to overwrite and 2 to add.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hetengine.device import Device
from hetengine.nets.kernels.affine import (
    COEFFICIENT_ROWS,
    net_apply,
    net_bias,
    net_bias_back,
    net_norm,
    net_norm_back,
    net_norm_input,
    net_norm_running,
)
from hetengine.nets.kernels.convolution import (
    net_conv,
    net_conv_back,
    net_conv_norm,
    net_merge,
    net_pack,
    net_split,
    packed_size,
)
from hetengine.nets.kernels.dense import (
    net_add,
    net_dense,
    net_dense_back,
    net_relu,
    net_relu_back,
)
from hetengine.nets.kernels.images import net_features, net_fill, net_images, net_mask
from hetengine.nets.kernels.loss import net_average, net_cross_entropy, net_sgd
from hetengine.nets.kernels.pooling import (
    net_average_pool,
    net_average_pool_back,
    net_flatten,
    net_flatten_back,
    net_max_pool,
    net_max_pool_back,
)
from hetengine.program import Step
from hetengine.work import Work

__all__ = [
    "COEFFICIENT_ROWS",
    "KERNELS",
    "net_add",
    "net_apply",
    "net_average",
    "net_average_pool",
    "net_average_pool_back",
    "net_bias",
    "net_bias_back",
    "net_conv",
    "net_conv_back",
    "net_conv_norm",
    "net_cross_entropy",
    "net_dense",
    "net_dense_back",
    "net_features",
    "net_fill",
    "net_flatten",
    "net_flatten_back",
    "net_images",
    "net_mask",
    "net_max_pool",
    "net_max_pool_back",
    "net_merge",
    "net_norm",
    "net_norm_back",
    "net_norm_input",
    "net_norm_running",
    "net_pack",
    "net_relu",
    "net_relu_back",
    "net_sgd",
    "net_split",
    "packed_size",
    "step",
]

_TABLE: tuple[Callable[..., Work], ...] = (
    net_add,
    net_apply,
    net_average,
    net_average_pool,
    net_average_pool_back,
    net_bias,
    net_bias_back,
    net_conv,
    net_conv_back,
    net_conv_norm,
    net_cross_entropy,
    net_dense,
    net_dense_back,
    net_features,
    net_fill,
    net_flatten,
    net_flatten_back,
    net_images,
    net_mask,
    net_max_pool,
    net_max_pool_back,
    net_merge,
    net_norm,
    net_norm_back,
    net_norm_input,
    net_norm_running,
    net_pack,
    net_relu,
    net_relu_back,
    net_sgd,
    net_split,
)

#: Every kernel of the table by name.
KERNELS: dict[str, Callable[..., Work]] = {kernel.__name__: kernel for kernel in _TABLE}


def step(
    device: Device, kernel: Callable[..., Work], *args: Any, items: int = 0, variant: str = ""
) -> Step:
    """Return one step of a program: the device's kernel, its arguments and its work.

    Parameters
    ----------
    device : Device
        Where it will run.
    kernel : callable
        One of the functions of this package.
    *args
        Buffers and scalars, in the order of the function's parameters.
    items : int
        Samples to count for this step; a program counts them once.
    variant : str
        Path through the program, for the cost model.
    """
    work = replace(kernel(*args), items=items, variant=variant)
    return device.load(kernel.__name__), args, work
