"""Programs compiled by NVRTC, and kernels with their signatures, ready to take arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from hetengine.errors import DeviceFailure, UsageError
from hetengine_cupy.card import Card
from hetengine_kernels import Profile, Signature, program_of, program_source

_SECTION_START = np.int64(0)  # a section's pointer already points at its first element


class Programs:
    """Programs of the shared source for one GPU.

    CuPy adds ``-arch`` of the device and keeps the binaries on disk.

    Parameters
    ----------
    card : Card
        The GPU.
    profile : Profile
        Build settings.
    """

    def __init__(self, card: Card, profile: Profile) -> None:
        self._card = card
        self._profile = profile
        self._modules: dict[tuple[str, np.dtype], Any] = {}

    def function(self, name: str, real: np.dtype) -> Any:
        """Return a kernel, compiling its program if need be.

        Raises
        ------
        DeviceFailure
            With the compiler's first complaint.
        """
        program = program_of(name)
        module = self._modules.get((program, real))
        if module is None:
            defines = self._profile.defines(program, real).items()
            options = tuple(f"-D{key}={value}" for key, value in defines)
            module = self._card.cupy.RawModule(code=program_source(program), options=options)
            self._modules[program, real] = module
        try:
            with self._card.current():
                return module.get_function(name).kernel
        except self._card.cupy.cuda.compiler.CompileException as error:
            raise DeviceFailure(
                f"kernel program {program} does not build: {_complaint(str(error))}"
            ) from error


def _complaint(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return next((line for line in lines if "error:" in line), lines[0] if lines else "no log")


class BoundKernel:
    """A compiled kernel with its signature, ready to take arguments.

    Parameters
    ----------
    function : cupy.cuda.Function
        From the module.
    signature : Signature
        What the source says it takes.
    real, scalar : dtype
        What REAL and SCALAR are.
    work_group : int
        Threads per block.
    array : type
        Class of the arrays of this device.
    """

    def __init__(
        self,
        function: Any,
        signature: Signature,
        real: np.dtype,
        scalar: np.dtype,
        work_group: int,
        array: type,
    ) -> None:
        self._function = function
        self._name = signature.name
        self._array = array
        self._block = (work_group, 1, 1)
        self._parameters = tuple((each, each.dtype(real, scalar)) for each in signature.parameters)

    def enqueue(self, stream: Any, groups: int, args: tuple[Any, ...]) -> None:
        """Launch on a stream; return without waiting.

        Raises
        ------
        UsageError
            If an argument is no array of this device, or of another type than the source takes.
        """
        given = iter(args)
        flat: list[Any] = []
        for parameter, dtype in self._parameters:
            if parameter.offset_of:
                flat.append(_SECTION_START)
            elif parameter.pointer:
                flat.append(self._checked(next(given), parameter.name, dtype))
            else:
                flat.append(dtype.type(next(given)))
        self._function((groups, 1, 1), self._block, tuple(flat), stream=stream)

    def _checked(self, value: Any, name: str, dtype: np.dtype) -> Any:
        if not isinstance(value, self._array):
            raise UsageError(
                f"kernel {self._name}: {name} is a {type(value).__name__}; "
                "pass a buffer of this device"
            )
        if value.dtype != dtype:
            raise UsageError(f"kernel {self._name}: {name} holds {value.dtype}, must hold {dtype}")
        return value
