"""The OpenCL devices of this machine, by number and by name, whole or in parts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from hetengine.errors import BackendUnavailable, UsageError, did_you_mean
from hetengine.topology import DeviceSpec
from hetengine_opencl import icd
from hetengine_opencl.probe import ABORTING, Probe, aborts, probe

INSTALL = 'pip install "hetengine[opencl-cpu]"'
"""What gives any x86-64 machine an OpenCL device."""


@dataclass(frozen=True, slots=True)
class Found:
    """One device that a driver offers.

    Attributes
    ----------
    device : pyopencl.Device
        Handle of the driver.
    name : str
        Names of device and platform.
    """

    device: Any
    name: str

    @property
    def kind(self) -> str:
        """``cpu``, ``gpu`` or ``fpga``."""
        import pyopencl as cl

        if self.device.type & cl.device_type.GPU:
            return "gpu"
        return "cpu" if self.device.type & cl.device_type.CPU else "fpga"


@cache
def found() -> tuple[Found, ...]:
    """Return all devices of all drivers, in the order that ``index`` counts.

    Raises
    ------
    ImportError
        If pyopencl is not installed.
    """
    import pyopencl as cl

    devices: list[Found] = []
    for platform in icd.platforms():
        try:
            own = platform.get_devices()
        except cl.Error:
            continue
        devices += [Found(each, f"{each.name.strip()} ({platform.name.strip()})") for each in own]
    return tuple(devices)


@cache
def probed(number: int) -> Probe:
    """Return what a probe of device ``number`` saw, asked once per process."""
    each = found()[number]
    if each.device.platform.name.strip() == ABORTING:
        reason = aborts(ABORTING)
        if reason:
            return Probe(reason)
    return probe(each.device)


def choose(spec: DeviceSpec) -> tuple[int, Found]:
    """Return the device that an entry of a topology means, with its number.

    ``index`` counts among those whose name holds ``options.device``, or among all.

    Raises
    ------
    BackendUnavailable
        If there is none, or it does not answer right.
    """
    devices = found()
    if not devices:
        raise BackendUnavailable(
            f"topology.devices.{spec.name}: no OpenCL driver on this machine offers a device; "
            f"type {INSTALL}, or `hetengine doctor` to see what was tried"
        )
    word = str(spec.options.get("device", ""))
    numbers = [k for k, each in enumerate(devices) if word.lower() in each.name.lower()]
    if not numbers:
        hint = did_you_mean(word, [each.name for each in devices])
        raise BackendUnavailable(f"topology.devices.{spec.name}.options.device={word!r}; {hint}")
    if spec.index >= len(numbers):
        listing = "; ".join(f"{k} is {devices[n].name}" for k, n in enumerate(numbers))
        raise BackendUnavailable(
            f"topology.devices.{spec.name}.index={spec.index}: OpenCL has {len(numbers)} such "
            f"devices: {listing}"
        )
    number = numbers[spec.index]
    reason = probed(number).reason
    if reason:
        raise BackendUnavailable(
            f"topology.devices.{spec.name}: {devices[number].name} cannot be used: {reason}; "
            "type `hetengine doctor`"
        )
    return number, devices[number]


def part_of(device: Any, spec: DeviceSpec) -> Any:
    """Return the sub-device that ``options.compute_units`` and ``options.sub_device`` ask for.

    Without them that is the device itself.

    Raises
    ------
    UsageError
        If the driver cannot divide the device so.
    """
    import pyopencl as cl

    if "compute_units" not in spec.options:
        return device
    owner = f"topology.devices.{spec.name}.options"
    units, which = spec.options["compute_units"], spec.options.get("sub_device", 0)
    if not (isinstance(units, int) and isinstance(which, int) and units > 0 and which >= 0):
        raise UsageError(
            f"{owner}.compute_units={units!r} and sub_device={which!r} must be whole numbers, "
            "at least 1 and 0"
        )
    try:
        parts = device.create_sub_devices([cl.device_partition_property.EQUALLY, units])
    except cl.Error as error:
        raise UsageError(
            f"{owner}.compute_units={units}: the driver does not divide {device.name.strip()} of "
            f"{device.max_compute_units} units so: {' '.join(str(error).split())}"
        ) from error
    if which >= len(parts):
        raise UsageError(
            f"{owner}.sub_device={which}: there are {len(parts)} parts of {units} compute units"
        )
    return parts[which]
