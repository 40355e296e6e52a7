"""Recording recipes: a launcher that is asked for launches and keeps them, whatever keeps them."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from hetengine.device import Buffer, Device
from hetengine.errors import UsageError
from hetengine.program import Step
from hetengine_kernels.launcher import Memory
from hetengine_kernels.profile import Profile
from hetengine_kernels.recipes import recipe


class Prepares(Protocol):
    """What a recorder needs of the launcher it records for."""

    profile: Profile

    def launch(self, kernel: str, real: np.dtype, groups: int, *args: Any) -> None:
        """Build a kernel, with 0 groups."""
        ...

    def scratch(self, name: str, dtype: np.dtype) -> Any:
        """Return a piece of memory of the launcher's own."""
        ...

    def workspace(self, dtype: np.dtype, count: int) -> Any:
        """Return room for so many elements."""
        ...


class Recorder(abc.ABC):
    """The part of a `hetengine_kernels.Launcher` that records; subclasses add ``launch``.

    Parameters
    ----------
    run : Prepares
        Whose settings and scratch memory it uses: commands of one queue take turns with it.
    where : str
        Device and program, for messages.

    Attributes
    ----------
    run : Prepares
        As given.
    profile : Profile
        Settings of the device.
    """

    def __init__(self, run: Prepares, where: str) -> None:
        self.profile = run.profile
        self.run = run
        self._where = where

    @abc.abstractmethod
    def launch(self, kernel: str, real: np.dtype, groups: int, *args: Any) -> None:
        """Keep a launch; with 0 groups only build the kernel."""

    def scratch(self, name: str, dtype: np.dtype) -> Any:
        """Return a piece of the launcher's own memory."""
        return self.run.scratch(name, dtype)

    def workspace(self, dtype: np.dtype, count: int) -> Any:
        """Return a part of the launcher's workspace."""
        return self.run.workspace(dtype, count)

    def read(self, memory: Memory, count: int) -> np.ndarray:
        """Refuse: nothing has run yet.

        Raises
        ------
        UsageError
            Always.
        """
        raise self._refusal()

    def elapsed(self) -> float:
        """Refuse, as `read` does.

        Raises
        ------
        UsageError
            Always.
        """
        raise self._refusal()

    def _refusal(self) -> UsageError:
        return UsageError(
            f"{self._where} cannot record a kernel that reads results on its way, as epochs do; "
            "launch it by itself"
        )


class _Sizing(Recorder):
    """Build the kernels, and keep nothing but how much workspace is wanted."""

    def __init__(self, run: Prepares, where: str) -> None:
        super().__init__(run, where)
        self.nbytes = 0

    def launch(self, kernel: str, real: np.dtype, groups: int, *args: Any) -> None:
        """Build the kernel."""
        self.run.launch(kernel, real, 0)

    def workspace(self, dtype: np.dtype, count: int) -> Any:
        """Note the size; anything may stand in for it, because nothing is launched."""
        self.nbytes = max(self.nbytes, count * dtype.itemsize)
        return self.scratch("partials", dtype)


def prepare(device: Device, where: str, steps: Sequence[Step], recorder: Recorder) -> None:
    """Build what the steps launch, and make the workspace as large as any of them wants it.

    Parameters
    ----------
    device : Device
        What the kernels were loaded from.
    where : str
        Device and program, for messages.
    steps : sequence of Step
        Checked by `hetengine.program.Program`.
    recorder : Recorder
        What will record them.

    Raises
    ------
    UsageError
        If a kernel was not loaded from this device, or reads results on its way.
    OutOfCapacity
        If the device has no room for the workspace.
    """
    sizing = _Sizing(recorder.run, where)
    for kernel, args, _ in steps:
        if device.load(kernel.name) is not kernel:
            raise UsageError(
                f"{where} cannot record {kernel.name}, which was loaded elsewhere; "
                "record kernels of device.load only"
            )
        recipe(kernel.name, sizing)(*_native(args))
    if sizing.nbytes:
        recorder.workspace(np.dtype(np.uint8), sizing.nbytes)


def record(steps: Sequence[Step], recorder: Recorder) -> None:
    """Run the recipe of every step on a recorder, after `prepare`."""
    for kernel, args, _ in steps:
        recipe(kernel.name, recorder)(*_native(args))


def _native(args: Sequence[Any]) -> list[Any]:
    return [each.array if isinstance(each, Buffer) else each for each in args]
