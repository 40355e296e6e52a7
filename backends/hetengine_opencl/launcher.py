"""Raw launches on one OpenCL device: programs built once, kernels looked up once."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pyopencl as cl

from hetengine.errors import DeviceFailure, UsageError
from hetengine_kernels import (
    Memory,
    Parameter,
    Profile,
    Signature,
    program_of,
    program_source,
    signatures,
)
from hetengine_opencl.memory import ClMemory

_BUILD_LOCK = threading.Lock()
_SECONDS = 1e-9
# Sums may be reordered, which is what lets a loop use the vector unit; NaN and Inf keep their
# meaning, because a diverging run has to be noticed.
_OPTIONS = ("-cl-unsafe-math-optimizations",)


class Programs(Protocol):
    """Where kernels come from: the source, or a prebuilt binary."""

    def kernel(self, name: str, real: np.dtype) -> Any:
        """Return a kernel object of the driver.

        Raises
        ------
        HetengineError
            If it does not build, or is not there.
        """
        ...


class SourcePrograms:
    """Programs built from source for one device.

    Parameters
    ----------
    context : pyopencl.Context
        Of that device alone.
    profile : Profile
        Build settings.
    options : tuple of str
        More build options.
    """

    def __init__(self, context: Any, profile: Profile, options: tuple[str, ...] = ()) -> None:
        self._context = context
        self._profile = profile
        self._options = (*_OPTIONS, *options)
        self._built: dict[tuple[str, np.dtype], Any] = {}

    def kernel(self, name: str, real: np.dtype) -> Any:
        """Return a kernel, building its program if need be."""
        key = (program_of(name), real)
        if key not in self._built:
            self._built[key] = self.build(*key)
        return cl.Kernel(self._built[key], name)

    def build(self, program: str, real: np.dtype) -> Any:
        """Compile one program.

        Raises
        ------
        DeviceFailure
            With the compiler's first complaint.
        """
        defines = self._profile.defines(program, real).items()
        options = [*(f"-D{key}={value}" for key, value in defines), *self._options]
        try:
            return self.compile(program_source(program), options)
        except cl.RuntimeError as error:
            raise DeviceFailure(
                f"kernel program {program} does not build: {_complaint(str(error))}"
            ) from error

    def compile(self, source: str, options: list[str]) -> Any:
        """Compile any source for the device and return the driver's program."""
        return build(cl.Program(self._context, source), options)


def build(program: Any, options: Sequence[str] = ()) -> Any:
    """Build a program without the binding's warnings: drivers that compile say so."""
    with _BUILD_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore", cl.CompilerWarning)
        return program.build(list(options))


def _complaint(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return next((line for line in lines if "error:" in line), lines[0] if lines else "no log")


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
        return self._kernel(queue, (groups * work_group,), (work_group,), *flat)

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
    """

    def __init__(
        self, queue: Any, profile: Profile, programs: Programs, scratch: Mapping[str, ClMemory]
    ) -> None:
        self.profile = profile
        self._queue = queue
        self._programs = programs
        self._scratch = scratch
        self._kernels: dict[tuple[str, np.dtype], BoundKernel] = {}
        self._first: Any = None
        self._last: Any = None
        self._spent = 0.0

    def launch(self, kernel: str, real: np.dtype, groups: int, *args: Any) -> None:
        """Enqueue a kernel; with 0 groups only build it."""
        bound = self._kernels.get((kernel, real))
        if bound is None:
            bound = self._bind(kernel, real)
        if groups == 0:
            return
        size = self.profile.work_groups[program_of(kernel)]
        self._last = bound.enqueue(self._queue, groups, size, args)
        if self._first is None:
            self._first = self._last

    def _bind(self, kernel: str, real: np.dtype) -> BoundKernel:
        signature = signatures(program_of(kernel))[kernel]
        found = self._programs.kernel(kernel, real)
        bound = BoundKernel(found, signature, real, self.profile.scalar)
        self._kernels[kernel, real] = bound
        return bound

    def scratch(self, name: str, dtype: np.dtype) -> ClMemory:
        """Return a piece of the launcher's own memory as an array."""
        whole = self._scratch[name]
        return ClMemory(whole.root, 0, (whole.nbytes // dtype.itemsize,), dtype)

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

    def spent(self) -> float:
        """Device seconds of everything since the last call; after `finish`."""
        self.elapsed()
        seconds, self._spent = self._spent, 0.0
        return seconds
