"""What the NumPy backend offers to the registry."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping
from typing import Any

from hetengine.backend import Check, DeviceInfo
from hetengine.clock import Clock, WallClock
from hetengine.device import Device
from hetengine.errors import BackendUnavailable, UsageError
from hetengine.span import Observer
from hetengine.topology import DeviceSpec
from hetengine_numpy.table import KernelTable

_VARIABLE = "NUMBA_NUM_THREADS"


class NumpyBackend:
    """Any number of CPU devices, each with its own threads and memory limit."""

    name = "numpy"

    def implementations(self, threads: int = 1) -> Mapping[str, Callable[..., Any]]:
        """Return the kernels by name, ``LAYOUT_``, ``rows_`` or ``net_VERB``, for some threads."""
        check_numba_threads()
        return KernelTable(
            {
                ("dense_", "sparse_"): lambda: _columns(threads),
                ("net_",): lambda: _nets(threads),
                ("",): lambda: _rows(threads),
            }
        )

    def devices(self) -> list[DeviceInfo]:
        """Return the one CPU, which a topology may divide into several devices."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        try:
            memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        except (AttributeError, ValueError):
            memory = None
        name = platform.processor() or platform.machine()
        return [DeviceInfo(self.name, 0, name, memory, f"{cores} cores; set threads per device")]

    def open(self, spec: DeviceSpec, clock: Clock, observe: Observer) -> Device:
        """Open a CPU device with the threads and capacity of its entry in the topology."""
        check_numba_threads()
        from hetengine_numpy.device import NumpyDevice

        if spec.index != 0:
            raise BackendUnavailable(
                f"topology.devices.{spec.name}.index={spec.index}: the numpy backend has device 0 "
                "only; name as many devices as you like with index 0"
            )
        if not isinstance(clock, WallClock):
            raise BackendUnavailable(f"{spec.name}: a real device needs the wall clock")
        return NumpyDevice(spec, clock, observe, self.implementations(spec.threads))

    def check(self) -> list[Check]:
        """Import Numba, compile a kernel, and compare its answer with NumPy's."""
        check_numba_threads()
        try:
            import numba
            import numpy as np

            from hetengine_numpy.kernels import dense
        except ImportError as error:
            return [Check("import", False, str(error), "pip install --force-reinstall hetengine")]
        values = np.arange(6, dtype=np.float32).reshape(2, 3)
        norms = np.zeros(2)
        dense.square_norms(values, np.arange(2), norms)
        right = bool(np.array_equal(norms, (values.astype(float) ** 2).sum(1)))
        return [
            Check("import", True, f"numba {numba.__version__}, numpy {np.__version__}"),
            Check(
                "kernel",
                right,
                "builds, runs and answers right" if right else f"wrong answer {norms.tolist()}",
                "" if right else "pip install --force-reinstall numba llvmlite",
            ),
        ]


def check_numba_threads() -> None:
    """Refuse a number of threads that Numba would refuse with a traceback when it is imported.

    Raises
    ------
    UsageError
        If ``NUMBA_NUM_THREADS`` is set and no whole number of at least 1.
    """
    given = os.environ.get(_VARIABLE)
    if given is None or (given.isdecimal() and int(given) > 0):
        return
    raise UsageError(
        f"{_VARIABLE}={given} must be a whole number of at least 1; type unset {_VARIABLE}: "
        "threads of a device are set with topology.devices.NAME.threads"
    )


def _columns(threads: int) -> Mapping[str, Callable[..., Any]]:
    """Import the kernels of columns."""
    from hetengine_numpy.kernels import dense, sparse
    from hetengine_numpy.parallel import threaded

    verbs = ("gaps", "epoch", "pack", "unpack", "combine", "square_norms")
    serial: dict[str, Callable[..., Any]] = {"sparse_compact": sparse.compact}
    for layout, module in (("dense", dense), ("sparse", sparse)):
        serial |= {f"{layout}_{verb}": getattr(module, verb) for verb in verbs}
    return threaded(serial, {"dense": 1, "sparse": 4}, threads)


def _nets(threads: int) -> Mapping[str, Callable[..., Any]]:
    """Import the kernels of nets."""
    from hetengine_numpy import nets

    return nets.implementations(threads)


def _rows(threads: int) -> Mapping[str, Callable[..., Any]]:
    """Import the kernels of the all-resident path."""
    from hetengine_numpy import resident

    return resident.implementations(threads)
