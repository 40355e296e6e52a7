"""Opening a device: which one, with which settings, from source or from a prebuilt binary."""

from __future__ import annotations

from typing import Any

from hetengine.clock import WallClock
from hetengine.span import Observer
from hetengine.topology import DeviceSpec
from hetengine_kernels import Profile
from hetengine_opencl.backend import profile_of
from hetengine_opencl.device import OpenClDevice
from hetengine_opencl.found import choose, part_of, probed
from hetengine_opencl.manifest import BinaryPrograms, read_manifest
from hetengine_opencl.programs import Programs, SourcePrograms

_FLOAT_ATOMICS = "cl_ext_float_atomics"


def open_device(spec: DeviceSpec, clock: WallClock, observe: Observer) -> OpenClDevice:
    """Open the device an entry of a topology means; see `OpenClBackend.open`."""
    number, found = choose(spec)
    handle, seen = part_of(found.device, spec), probed(number)
    profile = profile_of(spec, found.kind, handle.max_compute_units, bool(handle.double_fp_config))
    if "manifest" in spec.options:
        manifest = read_manifest(str(spec.options["manifest"]))
        profile = manifest.profile(profile)

        def programs(context: Any, settings: Profile) -> Programs:
            return BinaryPrograms(context, handle, settings, manifest)
    else:

        def programs(context: Any, settings: Profile) -> Programs:
            return SourcePrograms(context, settings, source_options(handle))

    device = OpenClDevice(spec, clock, observe, handle, profile, programs, timed=seen.times_sane)
    device.facts |= {
        "device": found.name,
        "driver": f"{handle.platform.version.strip()}, driver {handle.driver_version.strip()}",
        "launch_seconds": seen.launch_seconds,
        "event_times": "device" if seen.times_sane else "host",
        "block_solver": device.profile.block_solver,
        "cores": "host" if found.kind == "cpu" else "own",
    }
    return device


def source_options(handle: Any) -> tuple[str, ...]:
    """Return build options for what a device has beyond OpenCL C 1.2."""
    if _FLOAT_ATOMICS in handle.extensions.split() and handle.version.startswith("OpenCL 3"):
        return ("-cl-std=CL3.0", "-DFLOAT_ATOMICS=1")
    return ()
