"""What DuHL needs of a machine, checked before anything is allocated."""

from __future__ import annotations

from hetengine.device import Device
from hetengine.errors import UsageError
from hetengine.machine import Machine

_HOST_VERBS = ("gaps", "combine", "pack", "square_norms")
_ACCELERATOR_VERBS = ("epoch", "unpack")


def check_machine(machine: Machine, layout: str, selection: str) -> None:
    """Refuse a machine that lacks an accelerator or a kernel.

    Parameters
    ----------
    machine : Machine
        Opened devices.
    layout : {'dense', 'sparse'}
        Of the matrix.
    selection : str
        ``host`` needs no accelerator.

    Raises
    ------
    UsageError
        Saying what is needed, what is there and what is missing.
    """
    on_host = _HOST_VERBS + (("epoch",) if selection == "host" else ())
    _check_kernels(machine.host, [f"{layout}_{verb}" for verb in on_host])
    if selection == "host":
        return
    if not machine.accelerators:
        raise UsageError(
            f"solver.selection={selection} needs an accelerator and the topology has only "
            f"{machine.host.name}; type solver.selection=host or another topology"
        )
    needed = [f"{layout}_{verb}" for verb in _ACCELERATOR_VERBS]
    needed += ["sparse_compact"] if layout == "sparse" else []
    for device in machine.accelerators:
        _check_kernels(device, needed)


def _check_kernels(device: Device, needed: list[str]) -> None:
    missing = []
    for name in needed:
        try:
            device.load(name)
        except UsageError:
            missing.append(name)
    if missing:
        have = ", ".join(name for name in needed if name not in missing) or "none of them"
        raise UsageError(
            f"solver duhl on {device.name} needs kernels {', '.join(needed)}; its backend "
            f"{device.spec.backend} has {have} and lacks {', '.join(missing)}; "
            "choose another backend"
        )
