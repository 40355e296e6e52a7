"""Does a driver build, run and answer right? Asked before any of its devices is offered.

Some drivers do not fail but abort the process (PoCL, where it cannot find a linker): those are
asked in a process of their own first, by ``python -m hetengine_opencl.probe PLATFORM_NAME``.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

_COUNT = 257
_LAUNCHES = 21
_SECONDS = 1e-9
_PATIENCE_SECONDS = 60
_SLACK_SECONDS = 1e-3
ABORTING = "Portable Computing Language"
"""Name of the platform that may abort the process."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a probe saw.

    Attributes
    ----------
    reason : str
        Why the device cannot be used; empty if it can.
    launch_seconds : float
        One small launch, from enqueueing it to knowing it has run; median.
    times_sane : bool
        Whether the device's own event times lie within those of the host.
    """

    reason: str
    launch_seconds: float = 0.0
    times_sane: bool = False


def probe(device: Any) -> Probe:
    """Build and run a kernel on a device and look at the answer.

    Parameters
    ----------
    device : pyopencl.Device
        Any device.
    """
    import pyopencl as cl

    from hetengine.errors import HetengineError

    try:
        return _run(device)
    except (cl.Error, HetengineError) as error:
        return Probe(" ".join(str(error).split()) or type(error).__name__)


def _run(device: Any) -> Probe:
    import pyopencl as cl

    from hetengine_kernels import Profile
    from hetengine_opencl.programs import SourcePrograms

    context = cl.Context([device])
    properties = cl.command_queue_properties.PROFILING_ENABLE
    queue = cl.CommandQueue(context, device, properties=properties)
    profile = Profile.cpu(1, fp64=bool(device.double_fp_config))
    real = np.dtype(np.float32)
    kernel = SourcePrograms(context, profile).kernel("twice", real)
    kernel.set_scalar_arg_dtypes([None, None, np.int64])
    x = np.arange(_COUNT, dtype=real)
    y = np.zeros_like(x)
    flags = cl.mem_flags.READ_WRITE | cl.mem_flags.COPY_HOST_PTR
    given, taken = (cl.Buffer(context, flags, hostbuf=each) for each in (x, y))
    kernel(queue, (3,), (1,), given, taken, _COUNT).wait()
    cl.enqueue_copy(queue, y, taken)
    if not np.array_equal(y, 2 * x):
        return Probe("a probe kernel ran and answered wrong")
    waits, sane = [], True
    for _ in range(_LAUNCHES):
        begun = time.perf_counter()
        event = kernel(queue, (1,), (1,), given, taken, 1)
        event.wait()
        waits.append(time.perf_counter() - begun)
        seconds = (event.profile.end - event.profile.start) * _SECONDS
        sane &= 0.0 <= seconds <= waits[-1] + _SLACK_SECONDS
    return Probe("", statistics.median(waits), sane)


@cache
def aborts(platform: str) -> str:
    """Ask a platform in a process of its own.

    Parameters
    ----------
    platform : str
        Its name.

    Returns
    -------
    str
        Why it cannot be used; empty if it can.
    """
    command = [sys.executable, "-m", "hetengine_opencl.probe", platform]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_PATIENCE_SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"a probe kernel did not end within {_PATIENCE_SECONDS} s"
    if done.returncode == 0:
        return ""
    said = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return f"a probe kernel ended the process: {said[-1] if said else f'code {done.returncode}'}"


def _main() -> int:
    from hetengine_opencl.icd import platforms

    named = [each for each in platforms() if each.name.strip() == sys.argv[1]]
    reasons = [probe(device).reason for each in named for device in each.get_devices()]
    reason = next((each for each in reasons if each), "" if reasons else "it offers no device")
    sys.stderr.write(reason + "\n")
    return 1 if reason else 0


if __name__ == "__main__":
    sys.exit(_main())
