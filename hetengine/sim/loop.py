"""The thread that runs the program, as it behaves on a real machine.

A program takes time to hand over a command and hears of a command's end a little later; while it
does the one it cannot do the other. Queues take time to start a command. Between short commands
this is where most of the time goes (facts: launch and host overhead of every runtime).
"""

from __future__ import annotations

from hetengine.calibrate.spec import Dispatch, KernelCost
from hetengine.clock import VirtualClock
from hetengine.device import Work
from hetengine.sim.cost.lookup import find
from hetengine.topology import Topology


class Loop:
    """One program, shared by all devices of a simulated machine.

    Parameters
    ----------
    clock : VirtualClock
        The run's clock.
    topology : Topology
        Says what handing over and hearing cost.
    """

    def __init__(self, clock: VirtualClock, topology: Topology) -> None:
        self._clock = clock
        self._notify_seconds = topology.host.dispatch.notify_seconds
        self._devices = {spec.name: spec for spec in topology.devices}
        self._links = {link.name: link.host_seconds for link in topology.links}
        self._free_seconds = 0.0

    def dispatch(self, device: str) -> Dispatch:
        """Return the times of a device's queues."""
        return self._devices[device].dispatch

    def issue_launch(self, device: str, kernel: str, work: Work | None) -> float:
        """Hand over a launch.

        Parameters
        ----------
        device, kernel : str
            What is launched where.
        work : Work or None
            What it has to do; None where that follows from its result.

        Returns
        -------
        float
            When the queue has it, on the clock.
        """
        spec = self._devices[device]
        cost = find(spec.kernels, kernel, "" if work is None else work.variant)
        items = 0 if work is None else work.items
        return self._issue(_issue_seconds(cost, items, spec.dispatch))

    def issue_copy(self, link: str) -> float:
        """Hand over a transfer over a link; return when the queue has it."""
        return self._issue(self._links[link])

    def hear(self) -> float:
        """Return the seconds until the program hears of a command that ends now."""
        now = self._clock.now
        return max(self._notify_seconds, self._free_seconds - now)

    def _issue(self, seconds: float) -> float:
        self._free_seconds = max(self._free_seconds, self._clock.now) + seconds
        return self._free_seconds


def _issue_seconds(cost: KernelCost | None, items: int, dispatch: Dispatch) -> float:
    if cost is None:
        return dispatch.issue_seconds
    return cost.issue_seconds + cost.issue_item_seconds * items
