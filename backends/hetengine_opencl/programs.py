"""Where kernels come from: programs built from the shared source, each once per precision."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import pyopencl as cl

from hetengine.errors import DeviceFailure
from hetengine_kernels import Profile, program_of, program_source

_BUILD_LOCK = threading.Lock()
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
        self._lock = threading.Lock()  # programs are recorded and launched from different threads

    def kernel(self, name: str, real: np.dtype) -> Any:
        """Return a kernel, building its program if need be."""
        key = (program_of(name), real)
        with self._lock:
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
