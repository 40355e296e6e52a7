"""Copies between the host and one worker's device, which may be the host itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import simpy

from hetengine.device import Buffer, Device, Event, HostFunction
from hetengine.errors import DeviceFailure
from hetengine.nets.model import Slot
from hetengine.solvers.local_sgd.work import vector_work

_COPY = HostFunction("copy", lambda destination, source: np.copyto(destination, source))


@dataclass(frozen=True, slots=True)
class Staging:
    """The host's side of one slot of a worker; a worker on the host uses the slot itself.

    Attributes
    ----------
    pixels, labels, shifts, weights : Buffer
        A batch as it is gathered.
    losses, hits : Buffer
        What came of it.
    """

    pixels: Buffer
    labels: Buffer
    shifts: Buffer
    weights: Buffer
    losses: Buffer
    hits: Buffer


class Carrier:
    """Moves vectors up to a device and down from it, and remembers which command failed first.

    Parameters
    ----------
    host : Device
        Where data and averages lie.
    device : Device
        Of the worker.

    Attributes
    ----------
    local : bool
        Whether the worker's device is the host.
    """

    def __init__(self, host: Device, device: Device) -> None:
        self.host = host
        self.device = device
        self.local = host is device

    def stage(self, slot: Slot) -> Staging:
        """Allocate the host's side of a slot, prepared for fast transfers."""
        names = ("pixels", "labels", "shifts", "weights", "losses", "hits")
        if self.local:
            return Staging(*(getattr(slot, name) for name in names))
        return Staging(*(self._beside(name, getattr(slot, name)) for name in names))

    def _beside(self, name: str, buffer: Buffer) -> Buffer:
        label = f"{name} of {self.device.name}"
        made = self.host.alloc(label, buffer.shape, buffer.dtype)
        self.device.pin(made)
        return made

    def move(
        self,
        destination: Buffer,
        source: Buffer,
        after: Iterable[simpy.Event] = (),
        category: str = "exchange",
    ) -> list[Event]:
        """Copy between host and device; nothing is done where both are one buffer.

        Returns
        -------
        list of Event
            To wait for; their failures are kept from stopping the run where nobody waits.
        """
        if destination is source:
            return []
        if not self.local:
            moved = self.device.copy(destination, source, after=after, category=category)
            return [self.watch(moved)]
        amount = vector_work(source.nbytes, 1, 1, 1, "copy")
        args = (destination, source)
        return [self.host.launch(_COPY, args, amount, after=after, category=category)]

    def watch(self, event: Event) -> Event:
        """Let a command of the device fail without stopping the run: whoever waits will know."""
        if not self.local and event.callbacks is not None:
            event.callbacks.append(_defuse)
        return event


def _defuse(event: simpy.Event) -> None:
    if not event.ok and isinstance(event.value, DeviceFailure):
        event.defused = True
