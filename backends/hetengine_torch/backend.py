# PyTorch is the user's choice and may be absent where types are checked.
# pyright: reportMissingImports=false
"""What the PyTorch backend offers to the registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import util
from typing import Any

from hetengine.backend import Check, DeviceInfo
from hetengine.clock import Clock, WallClock
from hetengine.device import Device
from hetengine.errors import BackendUnavailable, UsageError, did_you_mean
from hetengine.span import Observer
from hetengine.topology import DeviceSpec

INSTALL = 'pip install "hetengine[torch]"'
KINDS = ("auto", "cpu", "cuda")


class TorchBackend:
    """CPU cores and NVIDIA GPUs through PyTorch, for nets that are PyTorch modules."""

    name = "torch"

    def implementations(self, threads: int = 1) -> Mapping[str, Callable[..., Any]]:
        """Return nothing: PyTorch brings the kernels of its modules itself."""
        return {}

    def devices(self) -> list[DeviceInfo]:
        """Return the CPU and the visible GPUs; none where PyTorch is not installed."""
        if not installed():
            return []
        import torch

        found = [DeviceInfo(self.name, 0, "cpu", None, "options.device: cpu; set threads")]
        for index in range(torch.cuda.device_count()):
            memory = torch.cuda.get_device_properties(index).total_memory
            name = torch.cuda.get_device_name(index)
            found.append(DeviceInfo(self.name, index, name, memory, "options.device: cuda"))
        return found

    def open(self, spec: DeviceSpec, clock: Clock, observe: Observer) -> Device:
        """Open ``options.device``, which is ``cpu``, ``cuda`` or ``auto`` (a GPU if there is one).

        Raises
        ------
        BackendUnavailable
            If PyTorch or the GPU is missing; the message says what to type.
        UsageError
            If an option is unknown, or the device shall be the host.
        """
        kind = self._check_wanted(spec, clock)
        if not installed():
            raise BackendUnavailable(
                f"topology.devices.{spec.name}: PyTorch is not installed; type {INSTALL}"
            )
        from hetengine_torch.device import TorchDevice, choose

        assert isinstance(clock, WallClock)
        return TorchDevice(spec, clock, observe, choose(spec, kind))

    def check(self) -> list[Check]:
        """Probe from import to a right answer on every device."""
        if not installed():
            detail = "PyTorch is not installed; own modules need it, hetengine's layers do not"
            return [Check("import", False, detail, INSTALL, absent=True)]
        from hetengine_torch.check import check_devices

        return list(check_devices(self))

    def _check_wanted(self, spec: DeviceSpec, clock: Clock) -> str:
        owner = f"topology.devices.{spec.name}"
        for key in spec.options:
            if key != "device":
                hint = did_you_mean(key, ["device"])
                raise UsageError(f"{owner}.options.{key} is unknown; {hint}")
        kind = str(spec.options.get("device", "auto"))
        if kind not in KINDS:
            raise UsageError(f"{owner}.options.device={kind!r}; {did_you_mean(kind, KINDS)}")
        if spec.role == "host":
            raise UsageError(
                f"{owner}: a torch device cannot be the host, whose memory NumPy has to reach; set "
                "backend: numpy"
            )
        if not isinstance(clock, WallClock):
            raise BackendUnavailable(f"{spec.name}: a real device needs the wall clock")
        return kind


def installed() -> bool:
    """Return whether PyTorch is there, without importing it."""
    return util.find_spec("torch") is not None
