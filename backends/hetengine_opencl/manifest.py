"""Prebuilt kernels: a manifest names binaries (.xclbin, .aocx, ...) to load instead of source.

A manifest is a YAML or JSON file:

.. code-block:: yaml

    binaries: [kernels.xclbin]     # beside the manifest
    real: float32                  # what REAL was when they were built
    fp64: true                     # SCALAR is double
    work_group: 1
    concurrency: 1
    tile: 16
    span: 1024
    names: {dense_epoch: krnl_dense_epoch}   # only where they differ from ours

Everything it claims is checked against the binary before a kernel is launched.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyopencl as cl

from hetengine.errors import DataError, DeviceFailure, UsageError, did_you_mean
from hetengine_kernels import PROGRAMS, Profile, signatures
from hetengine_opencl.arguments import PROBES, complaint, wrong_answer
from hetengine_opencl.programs import build


@dataclass(frozen=True)
class Manifest:
    """What a manifest file says; see the module for the keys."""

    path: str
    binaries: list[str]
    real: str = "float32"
    fp64: bool = True
    work_group: int = 1
    concurrency: int = 1
    tile: int = 16
    span: int = 1024
    names: dict[str, str] = field(default_factory=dict)

    def profile(self, profile: Profile) -> Profile:
        """Return launch settings that fit how the binaries were built."""
        return replace(
            profile,
            work_groups=dict.fromkeys(PROGRAMS, self.work_group),
            concurrency=self.concurrency,
            tile=self.tile,
            span=self.span,
            fp64=self.fp64,
            block_solver="async" if profile.block_solver == "auto" else profile.block_solver,
        )


def read_manifest(path: str) -> Manifest:
    """Read and check a manifest.

    Raises
    ------
    DataError
        If the file cannot be read, or a key or value is not allowed.
    """
    import yaml

    try:
        tree = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise DataError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(tree, dict) or not isinstance(tree.get("binaries"), list):
        raise DataError(f"{path}: a manifest needs binaries: [FILE, ...]")
    known = {each.name: each for each in fields(Manifest) if each.name != "path"}
    for key, value in tree.items():
        if key not in known:
            raise DataError(f"{path}: {key} is unknown; {did_you_mean(key, known)}")
        default = known[key].default
        if isinstance(default, bool | int | str) and type(value) is not type(default):
            raise DataError(f"{path}: {key}={value!r} must be a {type(default).__name__}")
    if tree.get("real", "float32") not in ("float32", "float64"):
        raise DataError(f"{path}: real={tree['real']!r} must be float32 or float64")
    return Manifest(path=path, **tree)


class BinaryPrograms:
    """Kernels out of prebuilt binaries, checked against the signatures of the source.

    Parameters
    ----------
    context : pyopencl.Context
        Of the device alone.
    handle : pyopencl.Device
        The device.
    profile : Profile
        Launch settings.
    manifest : Manifest
        Names the binaries.

    Raises
    ------
    DataError
        If a binary cannot be read.
    DeviceFailure
        If the driver refuses it.
    UsageError
        If a kernel in it takes other arguments than ours.
    """

    def __init__(self, context: Any, handle: Any, profile: Profile, manifest: Manifest) -> None:
        self._manifest = manifest
        self._profile = profile
        self._handle = handle
        self._real = np.dtype(manifest.real)
        self._programs: dict[str, Any] = {}
        for file in manifest.binaries:
            program = _load(context, handle, Path(manifest.path).parent / file)
            self._programs |= dict.fromkeys(program.kernel_names.split(";"), program)
        self._refuse_strangers()

    def _refuse_strangers(self) -> None:
        """Check every kernel of ours that the binaries hold, and every name of the manifest."""
        for program in PROGRAMS:
            for name, signature in signatures(program).items():
                theirs = self._manifest.names.get(name, name)
                if theirs in self._programs:
                    kernel = cl.Kernel(self._programs[theirs], theirs)
                    self._refuse(complaint(kernel, signature, self._real, self._profile.scalar))
                elif name in self._manifest.names:
                    raise UsageError(f"{self._manifest.path}: {self._lacks(theirs)}")

        self._refuse(wrong_answer(self._handle, self._kernels(), self._real))

    def _kernels(self) -> dict[str, Any]:
        names = {name: self._manifest.names.get(name, name) for name in PROBES}
        return {
            name: cl.Kernel(self._programs[theirs], theirs)
            for name, theirs in names.items()
            if theirs in self._programs
        }

    def _refuse(self, reason: str) -> None:
        if reason:
            raise UsageError(f"{self._manifest.path}: {reason}")

    def _lacks(self, name: str) -> str:
        return f"no kernel {name} in the binaries; {did_you_mean(name, sorted(self._programs))}"

    def kernel(self, name: str, real: np.dtype) -> Any:
        """Return a kernel of the binaries."""
        if str(real) != self._manifest.real:
            raise UsageError(
                f"{self._manifest.path}: built for {self._manifest.real}, asked for {real}; "
                f"type precision={self._manifest.real}"
            )
        theirs = self._manifest.names.get(name, name)
        if theirs not in self._programs:
            raise UsageError(f"{self._manifest.path}: {self._lacks(theirs)}")
        return cl.Kernel(self._programs[theirs], theirs)


def _load(context: Any, handle: Any, path: Path) -> Any:
    try:
        binary = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    try:
        return build(cl.Program(context, [handle], [binary]))
    except cl.Error as error:
        said = " ".join(str(error).split())
        raise DeviceFailure(f"{path}: {handle.name.strip()} refuses this binary: {said}") from error
