"""What ``summary.json`` says of the devices of a run: facts, memory, and where times came from."""

from __future__ import annotations

from typing import Any

from hetengine.device import Device
from hetengine.machine import Machine
from hetengine.record.recorder import Recorder
from hetengine.sim import SimulatedDevice
from hetengine.sim.hybrid import RealDevice
from hetengine.tiers import TierMemory


def describe(machine: Machine) -> dict[str, Any]:
    """Return what is known about every device at the end of a run, by name.

    Parameters
    ----------
    machine : Machine
        Still open.

    Returns
    -------
    dict
        For each device ``role``, ``backend``, ``time`` (``measured`` on the wall, ``modelled``, or
        ``real`` for a real device of a simulated run), ``facts`` (what the device found out about
        itself, for instance its driver and what a launch costs), ``memory``; for a modelled device
        also ``kind`` and ``source`` of its rates, ``launch_seconds`` and ``cost_models``: launches
        of the run by what gave their time.
    """
    return {device.name: _device(device) for device in machine.devices}


def tell_idle_events(machine: Machine, recorder: Recorder) -> None:
    """Say so where events of the topology do not happen, because time is that of the wall.

    Parameters
    ----------
    machine : Machine
        As opened.
    recorder : Recorder
        Receives the message.
    """
    names = [device.name for device in machine.devices if device.spec.events]
    if names and not machine.clock.virtual:
        recorder.log(
            f"events of {', '.join(names)} do not happen on the wall clock; use mode=simulate, "
            "with topology.devices.NAME.real=true for a device that computes for real"
        )


def _device(device: Device) -> dict[str, Any]:
    spec = device.spec
    about: dict[str, Any] = {
        "role": spec.role,
        "backend": spec.backend if spec.role != "storage" else None,
        "time": _time(device),
        "facts": dict(device.facts),
        "memory": _memory(device),
    }
    if isinstance(device, SimulatedDevice):
        about |= {
            "kind": spec.kind,
            "source": spec.source,
            "launch_seconds": spec.launch_seconds,
            "cost_models": dict(sorted(device.cost.used.items())),
        }
    return about


def _time(device: Device) -> str:
    if isinstance(device, SimulatedDevice):
        return "modelled"
    return "real" if isinstance(device, RealDevice) else "measured"


def _memory(device: Device) -> dict[str, Any]:
    """Return capacity and peak of main memory and tiers and, where it is charged, what it cost."""
    ledger = device.memory
    about: dict[str, Any] = {
        "capacity_bytes": ledger.capacity_bytes,
        "peak_bytes": ledger.peak_bytes,
    }
    if isinstance(ledger, TierMemory) and ledger.tiers:
        about["tiers"] = {
            name: {"capacity_bytes": tier.capacity_bytes, "peak_bytes": tier.peak_bytes}
            for name, tier in ledger.tiers.items()
        }
    if isinstance(device, SimulatedDevice):
        cost = device.memory_time
        about["allocations"] = {
            "count": cost.allocations,
            "bytes": cost.allocated_bytes,
            "seconds": cost.allocation_seconds,
        }
        about["evictions"] = {
            "count": cost.moves,
            "bytes": cost.moved_bytes,
            "seconds": cost.moving_seconds,
        }
    return about
