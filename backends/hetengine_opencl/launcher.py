"""Raw launches on one OpenCL device: kernels looked up once, arguments checked, times added up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyopencl as cl

from hetengine.errors import UsageError
from hetengine_kernels import (
    Memory,
    Parameter,
    Profile,
    Signature,
    Workspace,
    program_of,
    signatures,
)
from hetengine_opencl.memory import ClMemory
from hetengine_opencl.programs import Programs

_SECONDS = 1e-9


class BoundKernel:
    """A kernel with its signature, ready to take arguments.

    Parameters
    ----------
    kernel : pyopencl.Kernel
        From the driver.
    signature : Signature
        What the source says it takes.
    real, scalar : dtype
        What REAL and SCALAR are.
    """

    def __init__(self, kernel: Any, signature: Signature, real: np.dtype, scalar: np.dtype) -> None:
        self._kernel = kernel
        self._parameters = tuple((each, each.dtype(real, scalar)) for each in signature.parameters)
        self._name = signature.name
        kernel.set_scalar_arg_dtypes(
            [None if each.pointer else dtype for each, dtype in self._parameters]
        )

    def enqueue(self, queue: Any, groups: int, work_group: int, args: tuple[Any, ...]) -> Any:
        """Launch on a queue and return the driver's event."""
        return self._kernel(queue, (groups * work_group,), (work_group,), *self._flat(args))

    def bound(self, args: tuple[Any, ...]) -> tuple[Any, list[Any]]:
        """Set the arguments once and for all.

        Returns
        -------
        pyopencl.Kernel
            Ready to be enqueued, any number of times.
        list
            The arguments, which the driver does not keep alive.
        """
        flat = self._flat(args)
        self._kernel.set_args(*flat)
        return self._kernel, flat

    def _flat(self, args: tuple[Any, ...]) -> list[Any]:
        given = iter(args)
        flat: list[Any] = []
        memory: ClMemory | None = None
        for k, (parameter, dtype) in enumerate(self._parameters):
            if parameter.offset_of:
                assert memory is not None
                flat.append(memory.offset // memory.dtype.itemsize)
                continue
            value = next(given)
            if parameter.pointer:
                memory = self._checked(value, parameter, dtype)
                flat.append(self._pointer(memory, k))
            else:
                flat.append(value)
        return flat

    def _checked(self, value: Any, parameter: Parameter, dtype: np.dtype) -> ClMemory:
        if not isinstance(value, ClMemory):
            raise UsageError(
                f"kernel {self._name}: {parameter.name} is a {type(value).__name__}; "
                "pass a buffer of this device"
            )
        if value.dtype != dtype:
            raise UsageError(
                f"kernel {self._name}: {parameter.name} holds {value.dtype}, must hold {dtype}"
            )
        return value

    def _pointer(self, memory: ClMemory, k: int) -> Any:
        following = self._parameters[k + 1 : k + 2]
        if memory.offset == 0 or (following and following[0][0].offset_of):
            return memory.root
        try:
            return memory.root.get_sub_region(memory.offset, max(memory.nbytes, 1))
        except cl.Error as error:
            raise UsageError(
                f"kernel {self._name}: {self._parameters[k][0].name} cannot begin at byte "
                f"{memory.offset}: {' '.join(str(error).split())}; pass a whole buffer"
            ) from error


class ClLauncher:
    """Launch kernels on one queue, from one thread; implements `hetengine_kernels.Launcher`.

    Parameters
    ----------
    queue : pyopencl.CommandQueue
        In order, with profiling.
    profile : Profile
        Settings of the device.
    programs : Programs
        Where kernels come from.
    scratch : mapping of str to ClMemory
        Memory of `Profile.scratch`, as bytes.
    workspace : Workspace
        Of the device.
    """

    def __init__(
        self,
        queue: Any,
        profile: Profile,
        programs: Programs,
        scratch: Mapping[str, ClMemory],
        workspace: Workspace,
    ) -> None:
        self.profile = profile
        self._queue = queue
        self._programs = programs
        self._scratch = scratch
        self._workspace = workspace
        self._kernels: dict[tuple[str, np.dtype], BoundKernel] = {}
        self._first: Any = None
        self._last: Any = None
        self._spent = 0.0

    def launch(self, kernel: str, real: np.dtype, groups: int, *args: Any) -> None:
        """Enqueue a kernel; with 0 groups only build it."""
        bound = self._kernels.get((kernel, real))
        if bound is None:
            bound = self._kernels[kernel, real] = self.fresh(kernel, real)
        if groups == 0:
            return
        size = self.profile.work_groups[program_of(kernel)]
        self._last = bound.enqueue(self._queue, groups, size, args)
        if self._first is None:
            self._first = self._last

    def replay(self, prepared: Iterable[tuple[Any, int, int]]) -> None:
        """Enqueue kernels whose arguments are set: kernel, groups and work-items of a group."""
        for kernel, groups, size in prepared:
            self._last = cl.enqueue_nd_range_kernel(self._queue, kernel, (groups * size,), (size,))
            if self._first is None:
                self._first = self._last

    def fresh(self, kernel: str, real: np.dtype) -> BoundKernel:
        """Return a kernel of one's own, building its program if need be; from any thread."""
        signature = signatures(program_of(kernel))[kernel]
        found = self._programs.kernel(kernel, real)
        return BoundKernel(found, signature, real, self.profile.scalar)

    def scratch(self, name: str, dtype: np.dtype) -> ClMemory:
        """Return a piece of the launcher's own memory as an array."""
        whole = self._scratch[name]
        return ClMemory(whole.root, 0, (whole.nbytes // dtype.itemsize,), dtype)

    def workspace(self, dtype: np.dtype, count: int) -> ClMemory:
        """Return room for so many elements, of no particular content."""
        return self._workspace.take(dtype, count)

    def read(self, memory: Memory, count: int) -> np.ndarray:
        """Wait for everything enqueued and return the first elements of an array."""
        assert isinstance(memory, ClMemory)
        result = np.empty(count, memory.dtype)
        cl.enqueue_copy(self._queue, result, memory.root, src_offset=memory.offset)
        return result

    def finish(self) -> None:
        """Wait for everything enqueued; what failed on the device is raised here."""
        if self._last is not None:
            self._last.wait()

    def elapsed(self) -> float:
        """Device seconds from the first start to the last end since the last call."""
        first, last = self._first, self._last
        self._first = self._last = None
        if last is None:
            return 0.0
        last.wait()  # what came after it may have run while the driver still files its times
        seconds = (last.profile.end - first.profile.start) * _SECONDS
        self._spent += seconds
        return seconds

    def begin(self) -> None:
        """Forget the times of whatever was launched before, also where it failed."""
        self._first = self._last = None
        self._spent = 0.0

    def spent(self) -> float:
        """Device seconds of everything since `begin`; after `finish`."""
        self.elapsed()
        return self._spent
