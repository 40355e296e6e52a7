"""A simulated FPGA: before a launch whose kernel lies on another design, that design is loaded.

Loading is a command of its own in the compute queue, so that it stands in the trace (category
``reconfigure``) and holds up what comes after it. A device that fails and returns has lost its
design along with its memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import simpy

from hetengine.clock import passive
from hetengine.device import Event, Kernel
from hetengine.errors import DeviceFailure
from hetengine.sim.device import SimulatedDevice
from hetengine.sim.fpga import FpgaCost
from hetengine.sim.loop import Loop
from hetengine.sim.queue import Command, Promise
from hetengine.work import WorkOf

RECONFIGURE = "reconfigure"
"""Category of the spans of loading."""


class _Load(Command):
    """Load a design."""

    __slots__ = ("_cost", "_design", "_device")

    def __init__(self, event: Promise, device: SimulatedFpga, cost: FpgaCost, design: str) -> None:
        super().__init__(event, RECONFIGURE)
        self._device = device
        self._cost = cost
        self._design = design

    def issue_seconds(self, loop: Loop) -> float:
        """Return nothing: it is handed over with the launch that needs it."""
        return 0.0

    def begin(self) -> float | None:
        """Let its time pass."""
        device = self._device
        device.health.check()
        seconds = self._cost.load_seconds(self._design)
        self._cost.loaded = self._design
        self.queue.keep_interpreter(seconds)
        if device.pool is None:
            return seconds
        device.pool.run(seconds, 1, device.health, self.event.ran)
        return None

    def cancel(self) -> None:
        """Stop loading."""
        if self._device.pool is not None:
            self._device.pool.cancel(self.event.ran)

    def release(self) -> None:
        """Do nothing: it uses no buffers."""


class SimulatedFpga(SimulatedDevice):
    """A simulated device whose kernels lie on designs, of which one is loaded at a time.

    Parameters
    ----------
    *others, **options
        As of `hetengine.sim.device.SimulatedDevice`.
    fpga : FpgaCost
        Says which design a kernel needs, and how long loading it takes.
    """

    def __init__(self, *others: Any, fpga: FpgaCost, **options: Any) -> None:
        super().__init__(*others, **options)
        self._fpga = fpga
        self._planned = fpga.loaded

    def launch(
        self,
        kernel: Kernel,
        args: Sequence[Any],
        work: WorkOf,
        *,
        after: Iterable[simpy.Event] = (),
        category: str = "compute",
    ) -> Event:
        """Enqueue a kernel, and before it the loading of its design if another is there by then."""
        needed = self._fpga.design_for(kernel.name, self._planned)
        if needed is not None and needed != self._planned:
            self._load(needed)
        return super().launch(kernel, args, work, after=after, category=category)

    def _load(self, design: str) -> None:
        self._planned = design
        event = Promise(self.clock, f"load {design}")
        self._compute.submit(_Load(event, self, self._fpga, design), ())
        event.callbacks.append(self._told)

    @passive
    def _told(self, event: simpy.Event) -> None:
        """Forget a design that could not be loaded; the launch after it fails by itself."""
        if not event.ok:
            event.defused = True
            self._planned = self._fpga.loaded = ""

    def _lose(self, failure: DeviceFailure) -> None:
        """Lose the design too."""
        super()._lose(failure)
        self._planned = self._fpga.loaded = ""
