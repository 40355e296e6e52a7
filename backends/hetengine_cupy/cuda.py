"""The only place that imports CuPy, and what is known about its absence.

CuPy has no type information and need not be installed, so it goes through the backend as `Any`,
handed from object to object; tests hand in a fake in its place.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from hetengine.backend import Check

INSTALL = "pip install 'hetengine[cuda]'"
DRIVER = "install the NVIDIA driver, until `nvidia-smi` lists the GPU"
VISIBLE = "unset CUDA_VISIBLE_DEVICES; nvidia-smi must list a GPU"

OUT_OF_MEMORY = 2
"""cudaErrorMemoryAllocation."""

ALREADY_REGISTERED = 712
"""cudaErrorHostMemoryAlreadyRegistered."""


def load() -> Any:
    """Import CuPy.

    Raises
    ------
    ImportError
        If it is not installed or cannot be loaded.
    """
    return importlib.import_module("cupy")


def version_text(number: int) -> str:
    """Write CUDA's version number as people do.

    Examples
    --------
    >>> version_text(13000)
    '13.0'
    """
    return f"{number // 1000}.{number % 1000 // 10}"


def probe() -> Iterator[Check]:
    """Check what must be there before a device can be opened, up to the first that is not.

    Yields
    ------
    Check
        ``import``, ``driver``, ``devices`` and ``compiler``.
    """
    try:
        cupy = load()
    except ImportError as error:
        absent = isinstance(error, ModuleNotFoundError) and error.name == "cupy"
        detail = "CuPy is not installed" if absent else f"CuPy does not load: {one_line(error)}"
        remedy = INSTALL if absent else f"{INSTALL} --force-reinstall"
        yield Check("import", False, detail, remedy, absent=absent)
        return
    yield Check("import", True, f"cupy {cupy.__version__}")
    for step in (_driver, _devices, _compiler):
        check = step(cupy)
        yield check
        if not check.ok:
            return


def _driver(cupy: Any) -> Check:
    runtime = cupy.cuda.runtime
    has, needs = runtime.driverGetVersion(), runtime.runtimeGetVersion()
    told = f"CUDA {version_text(has)}, CuPy was built with {version_text(needs)}"
    if has == 0:
        return Check("driver", False, "there is no NVIDIA driver on this machine", DRIVER)
    # Minor versions are compatible both ways; an older major version is not.
    if has // 1000 < needs // 1000:
        other = f"pip uninstall -y cupy-cuda{needs // 1000}x && pip install cupy-cuda12x"
        return Check("driver", False, f"the driver is too old: {told}", f"{other}, or a new driver")
    return Check("driver", True, told)


def _devices(cupy: Any) -> Check:
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return Check("devices", False, one_line(error), VISIBLE)
    if count == 0:
        return Check("devices", False, "the driver lists no GPU", VISIBLE)
    return Check("devices", True, f"{count} found")


def _compiler(cupy: Any) -> Check:
    major = cupy.cuda.runtime.runtimeGetVersion() // 1000
    package = f"nvidia-cuda-nvrtc=={major}.*" if major > 12 else f"nvidia-cuda-nvrtc-cu{major}"
    try:
        found = cupy.cuda.nvrtc.getVersion()
    except Exception as error:  # whatever the loader of the library says
        detail = f"NVRTC, CUDA's compiler, does not load: {one_line(error)}"
        return Check("compiler", False, detail, f"pip install '{package}'")
    return Check("compiler", True, f"NVRTC {found[0]}.{found[1]}")


def one_line(error: BaseException) -> str:
    """Return an error's message without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__
