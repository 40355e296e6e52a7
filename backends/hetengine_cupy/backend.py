"""What the CuPy backend offers to the registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hetengine.backend import Check, DeviceInfo
from hetengine.clock import Clock, WallClock
from hetengine.device import Device
from hetengine.errors import BackendUnavailable, UsageError, did_you_mean
from hetengine.span import Observer
from hetengine.topology import DeviceSpec
from hetengine_cupy import cuda


class CupyBackend:
    """NVIDIA GPUs through CuPy."""

    name = "cupy"

    def implementations(self, threads: int = 1) -> Mapping[str, Callable[..., Any]]:
        """Return nothing: CUDA kernels exist on an opened device only; see `Device.load`."""
        return {}

    def devices(self) -> list[DeviceInfo]:
        """Return the visible GPUs; none where CuPy is not installed.

        Raises
        ------
        BackendUnavailable
            If CuPy is installed and cannot reach a GPU.
        """
        from hetengine_cupy.card import all_cards

        for check in cuda.probe():
            if check.absent:
                return []
            if not check.ok:
                raise BackendUnavailable(f"{check.detail}; {check.remedy}")
        return all_cards(cuda.load())

    def open(self, spec: DeviceSpec, clock: Clock, observe: Observer) -> Device:
        """Open the GPU with the number ``index``, or the one whose name ``options.device`` is in.

        Other options are those of `hetengine_kernels.profile.OPTIONS`.

        Raises
        ------
        BackendUnavailable
            If something is missing here; the message says what to type.
        UsageError
            If an option is unknown or out of range, or the device shall be the host.
        """
        self._check_wanted(spec, clock)
        for check in cuda.probe():
            if not check.ok:
                raise BackendUnavailable(
                    f"topology.devices.{spec.name}: backend cupy cannot run here: {check.detail}; "
                    f"{check.remedy}"
                )
        from hetengine_cupy.card import Card, all_cards
        from hetengine_cupy.device import CupyDevice
        from hetengine_kernels import Profile

        assert isinstance(clock, WallClock)
        cupy = cuda.load()
        card = Card(cupy, choose(spec, all_cards(cupy)))
        owner = f"topology.devices.{spec.name}.options"
        profile = Profile.gpu(card.multiprocessors).changed(owner, spec.options)
        return CupyDevice(spec, clock, observe, card, profile.fitted(spec.capacity_bytes))

    def check(self) -> list[Check]:
        """Probe from import to a right answer, on every GPU."""
        checks = list(cuda.probe())
        if all(check.ok for check in checks):
            from hetengine_cupy.check import check_cards

            checks.extend(check_cards(self))
        return checks

    def _check_wanted(self, spec: DeviceSpec, clock: Clock) -> None:
        from hetengine_kernels.profile import OPTIONS

        for key in spec.options:
            if key not in (*OPTIONS, "device"):
                hint = did_you_mean(key, (*OPTIONS, "device"))
                raise UsageError(f"topology.devices.{spec.name}.options.{key} is unknown; {hint}")
        if spec.role == "host":
            raise UsageError(
                f"topology.devices.{spec.name}: a cupy device cannot be the host, whose memory "
                "NumPy has to reach; set backend: numpy"
            )
        if not isinstance(clock, WallClock):
            raise BackendUnavailable(f"{spec.name}: a real device needs the wall clock")


def choose(spec: DeviceSpec, cards: list[DeviceInfo]) -> int:
    """Return the number of the GPU a topology means.

    Parameters
    ----------
    spec : DeviceSpec
        With ``options.device``, part of a name, ``index`` counts among the GPUs it fits.
    cards : list of DeviceInfo
        All visible ones.

    Raises
    ------
    BackendUnavailable
        If there is none such.
    """
    wanted = str(spec.options.get("device", ""))
    fitting = [card for card in cards if wanted.lower() in card.name.lower()]
    owner = f"topology.devices.{spec.name}"
    if not fitting:
        hint = did_you_mean(wanted, [card.name for card in cards])
        raise BackendUnavailable(f"{owner}.options.device={wanted!r}: no such GPU; {hint}")
    if spec.index >= len(fitting):
        names = ", ".join(f"{card.index} {card.name}" for card in fitting)
        raise BackendUnavailable(
            f"{owner}.index={spec.index}: there are {len(fitting)} GPUs ({names}); "
            f"set index to at most {len(fitting) - 1}"
        )
    return fitting[spec.index].index
