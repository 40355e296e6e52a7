"""A fixed sequence of launches handed over as one command, as a CUDA graph is.

A step of a net is hundreds of launches whose arguments never change: only what the buffers hold
does. Recorded once by `hetengine.device.Device.record`, the sequence is one kernel afterwards: one
command, one event, one span.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hetengine.device import Buffer, Device, HostFunction, Kernel
from hetengine.errors import UsageError
from hetengine.leases import root_of
from hetengine.work import Work

Step = tuple[Kernel, Sequence[Any], Work]
"""A kernel from `hetengine.device.Device.load`, its buffers and scalars, and what it has to do."""


class Program:
    """Launches in a fixed order on fixed buffers; a `hetengine.device.Kernel`.

    This one calls the kernels one after another. A backend that can hand all of them to its driver
    at once has a class of its own.

    Parameters
    ----------
    device : Device
        Where it will run.
    name : str
        Name in traces.
    steps : sequence of Step
        In order; what their kernels return is dropped.

    Attributes
    ----------
    name : str
        Name in traces.
    steps : tuple of Step
        As recorded.
    work : Work
        Sum over the steps; the variant is that of the first step that has one.
    buffers : tuple of Buffer
        Those of all steps, whole ones in place of sections, each once, in order of first use: the
        arguments it is launched with, which hold them until it has run.

    Raises
    ------
    UsageError
        If there is no step, a step's kernel was not loaded, or an argument is an array, a buffer of
        another device, or one that has been freed.

    Examples
    --------
    ::

        program = device.record("step", [(kernel, (x, y, 3), work), (other, (y, z), more)])
        done = device.launch(program, program.buffers, program.work)
    """

    def __init__(self, device: Device, name: str, steps: Sequence[Step]) -> None:
        self.name = name
        self._device = device
        self._check(steps)
        self.work = _total([work for _, _, work in steps])
        self.buffers = tuple(
            dict.fromkeys(root_of(each) for _, args, _ in steps for each in _buffers(args))
        )
        self.steps = tuple((kernel, tuple(args), work) for kernel, args, work in steps)

    def __call__(self, *native: Any) -> None:
        """Run every step to completion on the calling thread.

        Parameters
        ----------
        *native
            Storage of `buffers`; not looked at, because steps may use sections of it.
        """
        self.check_given(native)
        for kernel, args, _ in self.steps:
            kernel(*[each.array if isinstance(each, Buffer) else each for each in args])

    def check_given(self, native: tuple[Any, ...]) -> None:
        """Refuse a launch without the buffers that it has to hold.

        Raises
        ------
        UsageError
            If their number is not that of `buffers`.
        """
        if len(native) != len(self.buffers):
            raise UsageError(
                f"{self._device.name}: {self.name} was launched with {len(native)} arguments and "
                f"recorded on {len(self.buffers)} buffers; pass program.buffers"
            )

    def _check(self, steps: Sequence[Step]) -> None:
        where = f"{self._device.name}: {self.name}"
        if not steps:
            raise UsageError(f"{where} has no step; record at least one launch")
        for kernel, args, _ in steps:
            if isinstance(kernel, HostFunction | Program):
                raise UsageError(
                    f"{where} cannot record {kernel.name}, which was not loaded; record kernels "
                    "of device.load only"
                )
            if any(isinstance(a, np.ndarray) for a in args):
                raise UsageError(
                    f"{where}: {kernel.name} got an array of the host; copy it to a buffer first"
                )
            for buffer in _buffers(args):
                if buffer.device is not self._device:
                    raise UsageError(
                        f"{where}: {kernel.name} got {buffer.label}, which is on "
                        f"{buffer.device.name}; copy it first"
                    )
                self._device.leases.check(buffer, "record")


def _buffers(args: Sequence[Any]) -> list[Buffer]:
    return [each for each in args if isinstance(each, Buffer)]


def _total(works: Sequence[Work]) -> Work:
    return Work(
        flops=sum(work.flops for work in works),
        bytes_read=sum(work.bytes_read for work in works),
        bytes_written=sum(work.bytes_written for work in works),
        items=sum(work.items for work in works),
        variant=next((work.variant for work in works if work.variant), ""),
    )
