"""The thread that runs the program, as it behaves on a real machine.

A program takes time to hand over a command and hears of a command's end a little later; while it
does the one it cannot do the other, and while it runs Python no other thread does. Between short
commands this is where most of the time goes (facts: launch and host overhead of every runtime).
"""

from __future__ import annotations

import simpy

from hetengine.calibrate.spec import Dispatch, KernelCost
from hetengine.clock import VirtualClock, is_passive
from hetengine.sim.cores import CorePool
from hetengine.sim.cost.drift import Drift
from hetengine.sim.cost.lookup import find
from hetengine.sim.interpreter import Interpreter, Then, Thread
from hetengine.topology import Topology
from hetengine.work import Work


class Loop:
    """One program, shared by all devices of a simulated machine.

    Parameters
    ----------
    clock : VirtualClock
        The run's clock.
    topology : Topology
        Says what handing over and hearing cost.
    pool : CorePool, optional
        Cores the program runs on; by default it has one of its own.

    Attributes
    ----------
    interpreter : Interpreter
        What the program shares with the threads of the queues.
    thread : Thread
        The program's own.
    """

    def __init__(
        self, clock: VirtualClock, topology: Topology, pool: CorePool | None = None
    ) -> None:
        self._clock = clock
        host, drift = topology.host, Drift(topology.calibration)
        self._drift = drift.program(host.name)
        self._dispatch = {
            spec.name: drift.dispatch(spec.dispatch, spec.name) for spec in topology.devices
        }
        times = self._dispatch[host.name]
        self._notify_seconds = max(0.0, times.notify_seconds - 0.5 * times.next_seconds)
        self.interpreter = Interpreter(
            clock, max(0.0, times.relay_seconds - times.next_seconds), pool
        )
        self.thread = Thread()
        self._devices = {spec.name: spec for spec in topology.devices}
        self._links = {link.name: link.host_seconds for link in topology.links}

    def dispatch(self, device: str) -> Dispatch:
        """Return the times of a device's queues."""
        return self._dispatch[device]

    def launch_seconds(self, device: str, kernel: str, work: Work | None) -> float:
        """Return what handing over a launch takes.

        Parameters
        ----------
        device, kernel : str
            What is launched where.
        work : Work or None
            What it has to do; None where that follows from its result.
        """
        spec = self._devices[device]
        cost = find(spec.kernels, kernel, "" if work is None else work.variant)
        items = 0 if work is None else work.items
        return self._drift * issue_seconds(cost, items, spec.dispatch)

    def copy_seconds(self, link: str) -> float:
        """Return what handing over a transfer over a link takes."""
        return self._drift * self._links[link]

    def hand_over(self, seconds: float, then: Then) -> None:
        """Hand over a command; ``then`` is called when its queue has it."""
        self.interpreter.run(self.thread, seconds, then)

    def spend(self, seconds: float, then: Then = lambda: None) -> None:
        """Keep the program busy with something that it waits for; ``then`` is called at its end."""
        self.interpreter.run(self.thread, seconds, then)

    def hear(self, event: simpy.Event) -> None:
        """Let the program hear of a command that has ended: fire its event.

        A program that waits is woken if somebody waits for the event; a busy one hears of it when
        it is done.
        """
        if all(map(is_passive, event.callbacks or ())):
            self._clock.schedule(event)
            return

        def woken(_: simpy.Event | None = None) -> None:
            self.interpreter.run(self.thread, 0.0, lambda: self._clock.schedule(event))

        if self.thread.busy or self._clock.helps:
            woken()
        else:
            self._clock.timeout(self._notify_seconds).callbacks.append(woken)


def issue_seconds(cost: KernelCost | None, items: int, dispatch: Dispatch) -> float:
    """Return what handing over a launch takes.

    Parameters
    ----------
    cost : KernelCost or None
        What is known about its kernel, if anything.
    items : int
        Of its work.
    dispatch : Dispatch
        Of its device.
    """
    if cost is None:
        return dispatch.issue_seconds
    return cost.issue_seconds + cost.issue_item_seconds * items
