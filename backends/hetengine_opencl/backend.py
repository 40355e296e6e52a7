"""What the OpenCL backend offers to the registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hetengine.backend import Check, DeviceInfo
from hetengine.clock import Clock, WallClock
from hetengine.device import Device
from hetengine.errors import BackendUnavailable, UsageError, did_you_mean
from hetengine.span import Observer
from hetengine.topology import DeviceSpec
from hetengine_kernels import Profile, recipe_names
from hetengine_kernels.profile import OPTIONS as PROFILE_OPTIONS

OPTIONS = (*PROFILE_OPTIONS, "compute_units", "device", "manifest", "sub_device")
"""What ``options`` of a device in a topology may hold."""

_INSTALL = 'pip install "hetengine[opencl]" (or "hetengine[opencl-cpu]" with a CPU runtime)'


class OpenClBackend:
    """Every OpenCL device that answers right."""

    name = "opencl"

    def implementations(self, threads: int = 1) -> Mapping[str, Callable[..., Any]]:
        """Return nothing: kernels run on an opened device only.

        The names a device has are those of `hetengine_kernels.recipe_names`.
        """
        return {}

    def kernel_names(self) -> list[str]:
        """Return the kernels that `Device.load` finds."""
        return recipe_names()

    def devices(self) -> list[DeviceInfo]:
        """Return the devices of all drivers that answer right; none where pyopencl is absent."""
        try:
            from hetengine_opencl.found import found, probed

            devices = found()
        except ImportError:
            return []
        infos: list[DeviceInfo] = []
        for number, each in enumerate(devices):
            seen, device = probed(number), each.device
            detail = f"{each.kind}, {device.max_compute_units} compute units, {device.version}"
            if seen.reason:
                detail = f"cannot be used: {seen.reason}"
            memory = device.global_mem_size
            infos.append(DeviceInfo(self.name, number, each.name, memory, detail))
        return infos

    def open(self, spec: DeviceSpec, clock: Clock, observe: Observer) -> Device:
        """Open the device that an entry of a topology means.

        Raises
        ------
        BackendUnavailable
            If there is none, or it does not answer right.
        UsageError
            If the entry cannot be meant so.
        """
        if not isinstance(clock, WallClock):
            raise BackendUnavailable(f"{spec.name}: a real device needs the wall clock")
        if spec.role == "host":
            raise BackendUnavailable(
                f"topology.devices.{spec.name}.role=host: an OpenCL device cannot be the host; "
                "give the host backend: numpy"
            )
        for key in spec.options:
            if key not in OPTIONS:
                hint = did_you_mean(key, OPTIONS)
                raise UsageError(f"topology.devices.{spec.name}.options.{key} is unknown; {hint}")
        try:
            from hetengine_opencl.opening import open_device
        except ImportError as error:
            raise BackendUnavailable(
                f"topology.devices.{spec.name}: backend opencl needs pyopencl ({error}); "
                f"type {_INSTALL}"
            ) from error
        return open_device(spec, clock, observe)

    def check(self) -> list[Check]:
        """Probe from import to a right answer."""
        from hetengine_opencl.check import checks

        return checks()


def profile_of(spec: DeviceSpec, kind: str, compute_units: int, fp64: bool) -> Profile:
    """Return the launch settings of a device, with those of its entry in the topology.

    Parameters
    ----------
    spec : DeviceSpec
        ``threads`` and ``options`` matter.
    kind : {'cpu', 'gpu', 'fpga'}
        Class of the device.
    compute_units : int
        By the driver's count.
    fp64 : bool
        Whether it computes in double.
    """
    if kind == "gpu":
        profile = Profile.gpu(compute_units, fp64)
    else:
        profile = Profile.cpu(spec.threads, fp64) if kind == "cpu" else Profile.pipeline(fp64)
    return profile.changed(f"topology.devices.{spec.name}.options", spec.options)
