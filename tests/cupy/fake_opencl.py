"""What the CUDA kernels of nets compute, by the same source built as OpenCL C for a CPU driver.

Built with the settings of the GPU: what runs here is what a GPU runs, group by group.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from hetengine_kernels import program_of, program_source, signatures


@cache
def _context() -> Any:
    """The driver's context and a queue."""
    import pyopencl as cl

    from hetengine_opencl.found import found

    device = found()[0].device
    context = cl.Context([device])
    return context, cl.CommandQueue(context, device)


@cache
def _kernel(name: str, defines: tuple[tuple[str, str], ...]) -> Any:
    import pyopencl as cl

    return cl.Kernel(_program(program_of(name), defines), name)


@cache
def _program(program: str, defines: tuple[tuple[str, str], ...]) -> Any:
    import pyopencl as cl

    from hetengine_opencl.programs import build

    context, _ = _context()
    words = [f"-D{key}={value}" for key, value in defines]
    return build(cl.Program(context, program_source(program)), words)


def run(name: str, defines: dict[str, str], given: dict[str, Any], groups: int) -> None:
    """Run a kernel on arrays of the host, in place.

    Parameters
    ----------
    name : str
        In the source.
    defines : dict of str
        What the program was built with.
    given : dict
        Arrays and numbers by the names of the source.
    groups : int
        Work-groups.
    """
    import pyopencl as cl

    context, queue = _context()
    flags = cl.mem_flags.READ_WRITE | cl.mem_flags.COPY_HOST_PTR
    values = [given[each.name] for each in signatures(program_of(name))[name].parameters]
    places: dict[int, Any] = {}  # one buffer per array, also where it is given twice
    args: list[Any] = []
    for value in values:
        if not isinstance(value, np.ndarray):
            args.append(value)
            continue
        address = value.ctypes.data
        if address not in places:
            places[address] = value, cl.Buffer(context, flags, hostbuf=value)
        args.append(places[address][1])
    size = int(defines["WG"])
    _kernel(name, tuple(sorted(defines.items())))(queue, (groups * size,), (size,), *args)
    for value, buffer in places.values():
        cl.enqueue_copy(queue, value, buffer)
