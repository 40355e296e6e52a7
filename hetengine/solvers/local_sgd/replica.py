"""A copy of the net on one device, with the host's side of its slots."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

import numpy as np
import simpy
from numpy.typing import DTypeLike

from hetengine.clock import Clock
from hetengine.device import Buffer, Device, Event, HostFunction
from hetengine.nets.model import Model, Placed
from hetengine.program import Program
from hetengine.solvers.local_sgd.carrier import Carrier, Staging
from hetengine.solvers.local_sgd.samples import Samples
from hetengine.solvers.local_sgd.sampling import Share
from hetengine.solvers.local_sgd.work import assemble_work, vector_work

Process = Generator[simpy.Event, Any, Any]

SLOTS = 2
"""Batches staged at once: one is computed on while the next one travels."""


class Replica:
    """The net, its momentum and its batches in the memory of one device.

    Parameters
    ----------
    device, host : Device
        Where it computes, and where data and averages lie.
    clock : Clock
        The run's clock.
    model : Model
        What is placed.
    batch : int
        Samples per step.
    samples : Samples
        Training images: they say how pixels are stored and normalised.
    dtype : dtype
        Type to compute in.

    Attributes
    ----------
    placed : Placed
        Buffers and programs on the device.
    staging : tuple of Staging
        The host's side of the slots.
    """

    def __init__(
        self,
        device: Device,
        host: Device,
        clock: Clock,
        model: Model,
        batch: int,
        samples: Samples,
        dtype: DTypeLike,
    ) -> None:
        self.device = device
        self.host = host
        self.clock = clock
        self.batch = batch
        self.carrier = Carrier(host, device)
        self._model = model
        self._samples = samples
        self._dtype = np.dtype(dtype)
        self.placed = self._place()
        self.staging = self._stage()
        self._hyper = host.alloc(f"hyper of {device.name}", 4, dtype)
        self._hyper_sent = np.zeros(4)

    def _place(self) -> Placed:
        pixels = self._samples.pixels.dtype
        return self._model.place(
            self.device, self.batch, self._dtype, pixels, self._samples.normalise, slots=SLOTS
        )

    def _stage(self) -> tuple[Staging, ...]:
        return tuple(self.carrier.stage(slot) for slot in self.placed.slots)

    def rebuild(self) -> Process:
        """Place the net anew on a device that has lost its memory; `prepare` it then.

        Raises
        ------
        OutOfCapacity
            If the device has not the memory any more.
        """
        yield self.device.synchronize()
        self.placed.free()
        self.placed = self._place()
        if self.carrier.local:
            self.staging = self._stage()
        self._hyper_sent = np.zeros(4)

    def prepare(self, programs: Iterable[Program]) -> Process:
        """Set every weight to 1 and build programs with launches on what lies there: zeros.

        What they leave in momentum and statistics is to be overwritten.

        Parameters
        ----------
        programs : iterable of Program
            Of this replica.

        Returns
        -------
        float
            Seconds of the last launch.
        """
        yield self.all(self.placed.ready)
        for staging, slot in zip(self.staging, self.placed.slots, strict=True):
            yield self.write(staging.weights, np.ones(self.batch))
            yield self.all(self.carrier.move(slot.weights, staging.weights))
        seconds = 0.0
        for program in programs:
            launched = self.launch(program, (), "prepare")
            yield launched
            seconds = launched.seconds
        return seconds

    def all(self, events: Iterable[simpy.Event]) -> simpy.Event:
        """Return an event that fires when all of these have."""
        return simpy.AllOf(self.clock, list(events))

    def write(self, buffer: Buffer, values: np.ndarray) -> Event:
        """Set a small buffer of the host."""
        kernel = HostFunction(
            "write", lambda target: np.copyto(target, values, casting="same_kind")
        )
        amount = vector_work(values.size, 8, 1, 1, "write")
        return self.host.launch(kernel, (buffer,), amount, category="exchange")

    def tune(self, rate: float, momentum: float, decay: float) -> list[Event]:
        """Set learning rate, momentum and weight decay, if they have changed."""
        values = np.array([rate, momentum, decay, 0.0])
        if np.array_equal(values, self._hyper_sent):
            return []
        self._hyper_sent = values
        written = self.write(self._hyper, values)
        return self.carrier.move(self.placed.hyper, self._hyper, after=[written])

    def send(
        self,
        place: int,
        samples: Samples,
        share: Share,
        shifts: np.ndarray | None,
        category: str = "batch",
    ) -> list[Event]:
        """Gather a batch on the host and copy it into a slot.

        Parameters
        ----------
        place : int
            Which slot; nothing may be using it.
        samples : Samples
            Where the images come from.
        share : Share
            At most a batch; what is left of it becomes padding.
        shifts : ndarray of int32, shape (batch, 3), or None
            How the images are moved and mirrored; None where those in the slot are right.
        category : str
            Phase it is accounted under.

        Returns
        -------
        list of Event
            When the batch has arrived.
        """
        staging, slot = self.staging[place], self.placed.slots[place]

        def assemble(pixels: Any, labels: Any, moved: Any, weights: Any) -> None:
            samples.gather(share.ids, pixels, labels)
            if shifts is not None:
                np.copyto(moved, shifts)
            if share.weights is not None:
                weights[: share.ids.size] = share.weights

        names = ["pixels", "labels"]
        names += ["shifts"] if shifts is not None else []
        names += ["weights"] if share.weights is not None else []
        gathered = self.host.launch(
            HostFunction("assemble", assemble),
            (staging.pixels, staging.labels, staging.shifts, staging.weights),
            assemble_work(share.ids.size, samples.sample_bytes),
            category=category,
        )
        arrived = [
            event
            for name in names
            for event in self.carrier.move(
                getattr(slot, name), getattr(staging, name), [gathered], category
            )
        ]
        return arrived or [gathered]

    def launch(self, program: Program, after: Iterable[simpy.Event], category: str) -> Event:
        """Run a program."""
        launched = self.device.launch(
            program, program.buffers, program.work, after=after, category=category
        )
        return self.carrier.watch(launched)

    def losses(self, place: int, after: Event, category: str = "batch") -> list[Event]:
        """Bring the losses of a slot down."""
        staging, slot = self.staging[place], self.placed.slots[place]
        return self.carrier.move(staging.losses, slot.losses, [after], category) or [after]

    def hits(self, place: int, after: Event, category: str) -> list[Event]:
        """Bring the hits of a slot down."""
        staging, slot = self.staging[place], self.placed.slots[place]
        return self.carrier.move(staging.hits, slot.hits, [after], category) or [after]
