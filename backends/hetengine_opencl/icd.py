"""Finding OpenCL drivers: those of the system, and the CPU runtime that pip can install.

The loader reads its list of drivers once, at the first question, from a folder of ``.icd`` files or
from one library. `platforms` asks that question with a list that holds the system's drivers and the
pip-installed runtime (whose own ``.icd`` file names a path of the machine it was built on). Where
the user has set ``OCL_ICD_VENDORS``, theirs counts and nothing is added.
"""

from __future__ import annotations

import ctypes
import os
import tempfile
import threading
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

VENDORS = Path("/etc/OpenCL/vendors")
"""Where distributions and vendors list their drivers."""

RUNTIME_PACKAGE = "intel-opencl-rt"
"""The CPU runtime that pip can install."""

_RUNTIME_LIBRARY = "libintelocl.so"
_VARIABLE = "OCL_ICD_VENDORS"
_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class Driver:
    """One driver library, before anything is asked of it.

    Attributes
    ----------
    name : str
        Where it is listed.
    library : str
        What the loader opens.
    reason : str
        Why it cannot be opened, in the dynamic loader's own words; empty if it can.
    """

    name: str
    library: str
    reason: str = ""


def _opened(name: str, library: str) -> Driver:
    try:
        ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        return Driver(name, library, " ".join(str(error).split()))
    return Driver(name, library)


def _pip_runtime() -> str | None:
    """Path of the CPU runtime's library, if its package is installed."""
    try:
        files = metadata.files(RUNTIME_PACKAGE) or []
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name == _RUNTIME_LIBRARY:
            return str(Path(str(file.locate())).resolve())
    return None


@cache
def drivers() -> tuple[Driver, ...]:
    """Return every driver found, loadable or not.

    Opening a library here, for all to see, also spares the loader a search it would lose: a runtime
    in a virtual environment finds its companions once they are loaded.
    """
    chosen = os.environ.get(_VARIABLE)
    if chosen and not Path(chosen).is_dir():
        return (_opened(_VARIABLE, chosen),)
    folder = Path(chosen) if chosen else VENDORS
    listed = sorted(folder.glob("*.icd"))
    found = [_opened(file.name, file.read_text(encoding="utf-8").strip()) for file in listed]
    runtime = None if chosen else _pip_runtime()
    if runtime is not None:
        found.append(_opened(RUNTIME_PACKAGE, runtime))
    return tuple(found)


@cache
def platforms() -> tuple[Any, ...]:
    """Return the platforms of all drivers that load.

    Returns
    -------
    tuple of pyopencl.Platform
        Empty where there is no driver.

    Raises
    ------
    ImportError
        If pyopencl is not installed.
    """
    import pyopencl as cl

    with _LOCK, tempfile.TemporaryDirectory(prefix="hetengine-icd-") as folder:
        given = os.environ.get(_VARIABLE)
        if given is None:
            for k, driver in enumerate(each for each in drivers() if not each.reason):
                Path(folder, f"{k}.icd").write_text(driver.library + "\n", encoding="utf-8")
            os.environ[_VARIABLE] = folder
        try:
            return tuple(cl.get_platforms())
        except cl.LogicError:
            return ()
        finally:
            if given is None:
                del os.environ[_VARIABLE]
