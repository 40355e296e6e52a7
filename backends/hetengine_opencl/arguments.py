"""Does a kernel of unknown making take our arguments? Asked of number, types, sizes and answers.

Drivers tell the types of arguments only where the binary holds them. Where it does not, sizes of
plain numbers still show, because the driver refuses a wrong one; and what a type of array would
change shows in the answer of a tiny launch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyopencl as cl

from hetengine_kernels import Signature, program_of

_WORDS = {
    "f4": "float",
    "f8": "double",
    "i4": "int",
    "i8": "long",
    "u1": "uchar",
    "u4": "uint",
    "u8": "ulong",
}

PROBES = ("twice", "dense_square_norms", "sparse_square_norms")
"""Kernels that are launched to see whether a program was built for the claimed precision."""


def complaint(kernel: Any, signature: Signature, real: np.dtype, scalar: np.dtype) -> str:
    """Compare a kernel's arguments with ours.

    Parameters
    ----------
    kernel : pyopencl.Kernel
        From a binary.
    signature : Signature
        What the source says.
    real, scalar : dtype
        What REAL and SCALAR are claimed to be.

    Returns
    -------
    str
        What does not match; empty if nothing was found.
    """
    name, wanted = kernel.function_name, signature.parameters
    if kernel.num_args != len(wanted):
        return (
            f"kernel {name} takes {kernel.num_args} arguments, ours takes {len(wanted)}; build it "
            f"from program {program_of(signature.name)} of this version"
        )
    for k, parameter in enumerate(wanted):
        dtype = parameter.dtype(real, scalar)
        expected = _WORDS[dtype.str[1:]] + ("*" if parameter.pointer else "")
        seen = _type_name(kernel, k)
        if seen is not None and seen != expected:
            return f"kernel {name}: argument {k} ({parameter.name}) is {seen}, must be {expected}"
        if not parameter.pointer and not _takes(kernel, k, dtype):
            return f"kernel {name}: argument {k} ({parameter.name}) does not take a {expected}"
    return ""


def _type_name(kernel: Any, k: int) -> str | None:
    """Type of an argument as the driver tells it; None where the binary does not say."""
    try:
        name = kernel.get_arg_info(k, cl.kernel_arg_info.TYPE_NAME)
    except cl.Error:
        return None
    return name.replace(" ", "") or None


def _takes(kernel: Any, k: int, dtype: np.dtype) -> bool:
    try:
        kernel.set_arg(k, dtype.type(0))
    except cl.Error:
        return False
    return True


def wrong_answer(handle: Any, kernels: Mapping[str, Any], real: np.dtype) -> str:
    """Launch those of `PROBES` that are there and look at what they answer.

    Parameters
    ----------
    handle : pyopencl.Device
        The device.
    kernels : mapping of str to pyopencl.Kernel
        Kernels by our names.
    real : dtype
        What REAL is claimed to be.

    Returns
    -------
    str
        What was wrong; empty if nothing was.
    """
    for name, kernel in kernels.items():
        context = kernel.context
        queue = cl.CommandQueue(context, handle)
        x = np.array([1.0, 2.0, 3.0, 4.0], real)
        tail = (np.zeros(1, np.int64), np.int64(0), np.int32(1))
        given = {
            "twice": (x, np.zeros_like(x), np.int64(4)),
            "dense_square_norms": (x, np.int64(4), *tail, np.zeros_like(x)),
            "sparse_square_norms": (
                *(x, np.arange(4, dtype=np.uint32), np.zeros(1, np.int64), np.full(1, 4, np.int32)),
                *tail,
                np.zeros_like(x),
            ),
        }[name]
        if not _answers(queue, context, kernel, given, 2 * x if name == "twice" else x @ x):
            return f"kernel {kernel.function_name} answers wrong for {real}; was it built for that?"
    return ""


def _answers(queue: Any, context: Any, kernel: Any, given: tuple[Any, ...], right: Any) -> bool:
    flags = cl.mem_flags.READ_WRITE | cl.mem_flags.COPY_HOST_PTR
    # Twice the room, so that a kernel built for wider numbers stays within its arrays.
    arrays = [np.concatenate([a, a * 0]) if isinstance(a, np.ndarray) else a for a in given]
    args = [
        cl.Buffer(context, flags, hostbuf=a) if isinstance(a, np.ndarray) else a for a in arrays
    ]
    size = kernel.get_work_group_info(
        cl.kernel_work_group_info.COMPILE_WORK_GROUP_SIZE, queue.device
    )
    kernel(queue, (size[0],), (size[0],), *args).wait()
    out = 1 if len(given) == 3 else len(given) - 1
    found = np.zeros_like(arrays[out])
    cl.enqueue_copy(queue, found, args[out])
    first = found[: given[out].size] if np.ndim(right) else found[0]
    return bool(np.array_equal(first, right))
