"""Links as fluids: transfers that overlap share the bandwidth max-min fairly.

Each transfer first waits for the latency of its route, then flows; rates change only when a flow
starts or stops. Flows of one route have one rate, so each route keeps a single count of the bytes
served to every flow on it and a heap of the counts at which flows are done (virtual-time processor
sharing); one timer is armed, for the flow that is done first.

A device that may slow down has a port: while it is slow, the flows of a route that ends at it
together get no more than that part of what one of them would get alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from itertools import count

import simpy

from hetengine.clock import VirtualClock
from hetengine.errors import UsageError, did_you_mean
from hetengine.sim.fairness import fair_rates
from hetengine.topology import Direction, LinkSpec

Hop = tuple[str, Direction]

RESIDUE = 1e-12
"""Share of a flow's finishing count below which what is left of it is rounding."""


class _Lane:
    """Flows of one route.

    Attributes
    ----------
    constraints : tuple of int
        Constraints the route crosses.
    latency_seconds : float
        Sum over its links.
    rate : float
        Bytes per second of one flow.
    served : float
        Bytes served to each flow that has been here since the lane was last idle.
    flows : list of (float, int, simpy.Event)
        Heap: value of ``served`` at which the flow is done, its number, its event.
    ports : list of _Port
        Of the devices at its ends that may slow down.
    """

    __slots__ = ("constraints", "flows", "latency_seconds", "ports", "rate", "served")

    def __init__(self, constraints: tuple[int, ...], latency_seconds: float) -> None:
        self.constraints = constraints
        self.latency_seconds = latency_seconds
        self.rate = 0.0
        self.served = 0.0
        self.flows: list[tuple[float, int, simpy.Event]] = []
        self.ports: list[_Port] = []

    def wait(self) -> float:
        """Seconds until the first flow is done, at the present rate."""
        return (self.flows[0][0] - self.served) / self.rate

    def pop_done(self) -> list[tuple[int, simpy.Event]]:
        """Take out the flows that are done, give or take rounding."""
        done = []
        while self.flows and self.flows[0][0] - self.served <= RESIDUE * self.flows[0][0]:
            done.append(heappop(self.flows)[1:])
        if not self.flows:
            self.served = 0.0
        return done


class _Port:
    """The way in and out of a device.

    Attributes
    ----------
    speed : float
        1 unless the device is slow.
    limits : list of (int, float)
        A constraint for each lane that ends here, and what a flow gets there alone.
    """

    __slots__ = ("limits", "speed")

    def __init__(self) -> None:
        self.speed = 1.0
        self.limits: list[tuple[int, float]] = []

    def capacity(self, alone: float) -> float:
        """Return what a lane may have."""
        return math.inf if self.speed >= 1.0 else self.speed * alone


class FluidNetwork:
    """All links of a simulated machine.

    A timer that has been overtaken by a change of rates stays with the clock and does nothing, so a
    run without an end (``clock.run()``) may stop later than the last transfer.

    Parameters
    ----------
    clock : VirtualClock
        The run's clock.

    Examples
    --------
    >>> clock = VirtualClock()
    >>> network = FluidNetwork(clock)
    >>> network.add_link(LinkSpec("bus", ("host", "card"), 100.0, 100.0))
    >>> clock.run(until=network.transfer([("bus", "up")], 1000))
    >>> clock.now
    10.0
    """

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self._capacities: list[float] = []
        self._hops: dict[Hop, tuple[int, ...]] = {}
        self._latencies: dict[str, float] = {}
        self._ends: dict[Hop, tuple[str, str]] = {}
        self._ports: dict[str, _Port] = {}
        self._lanes: dict[tuple[Hop, ...], _Lane] = {}
        self._active: list[_Lane] = []
        self._numbers = count()
        self._advanced_at = 0.0
        self._timer: simpy.Event | None = None
        self._first: _Lane | None = None

    def add_link(self, link: LinkSpec) -> None:
        """Add a link: a constraint each way and, where it has a duplex cap, one on both together.

        Raises
        ------
        UsageError
            If there is a link of that name.
        """
        if link.name in self._latencies:
            raise UsageError(f"network: link {link.name!r} is there already; name each link once")
        both: tuple[int, ...] = ()
        if link.duplex_bytes_per_second is not None:
            both = (self._constraint(link.factor * link.duplex_bytes_per_second),)
        up = self._constraint(link.factor * link.up_bytes_per_second)
        down = self._constraint(link.factor * link.down_bytes_per_second)
        self._hops[link.name, "up"] = (up, *both)
        self._hops[link.name, "down"] = (down, *both)
        self._latencies[link.name] = link.latency_seconds
        first, second = link.ends
        self._ends[link.name, "up"] = (first, second)
        self._ends[link.name, "down"] = (second, first)

    def add_port(self, device: str) -> None:
        """Let a device slow its transfers down later on; to be called before the first of them."""
        self._ports[device] = _Port()

    def pace(self, device: str, speed: float) -> None:
        """Slow the transfers of a device down, or let them go on as before.

        Parameters
        ----------
        device : str
            With a port.
        speed : float
            Greater than 0; transfers take ``1 / speed`` times as long as alone. A device that is
            faster than usual does not make its links faster.
        """
        self._advance()
        port = self._ports[device]
        port.speed = min(speed, 1.0)
        for constraint, alone in port.limits:
            self._capacities[constraint] = port.capacity(alone)
        self._rebalance([])

    def transfer(
        self, route: Sequence[Hop], nbytes: float, done: simpy.Event | None = None
    ) -> simpy.Event:
        """Send bytes over a route.

        Parameters
        ----------
        route : sequence of (str, {'up', 'down'})
            Links crossed at the same time, each with the direction in which it is crossed.
        nbytes : float
            Bytes to send, at least 0.
        done : simpy.Event, optional
            Event to succeed; a new one by default.

        Returns
        -------
        simpy.Event
            Fires when the last byte has arrived: first the latency, then the bytes, at fair rates.

        Raises
        ------
        UsageError
            If the route is empty or names an unknown link, or ``nbytes`` is negative.
        """
        if not 0 <= nbytes < float("inf"):
            raise UsageError(f"network: cannot send {nbytes} bytes; give a number of at least 0")
        lane = self._lane(tuple(route))
        done = simpy.Event(self.clock) if done is None else done
        number = next(self._numbers)
        if lane.latency_seconds > 0.0:
            speed = min(port.speed for port in lane.ports) if lane.ports else 1.0
            arrival = self.clock.timeout(lane.latency_seconds / speed)
            arrival.callbacks.append(lambda _: self._enter(lane, number, nbytes, done))
        else:
            self._enter(lane, number, nbytes, done)
        return done

    def alone_seconds(self, route: Sequence[Hop], nbytes: float) -> float:
        """Return what a transfer takes that shares its links with no other.

        Parameters
        ----------
        route : sequence of (str, {'up', 'down'})
            As of `transfer`.
        nbytes : float
            Bytes to send.
        """
        lane = self._lane(tuple(route))
        return lane.latency_seconds + nbytes / min(self._capacities[k] for k in lane.constraints)

    def cancel(self, done: simpy.Event) -> None:
        """Take a flow off its links, if it has started; the event is left to the caller to fire.

        A flow that still waits for its latency never starts once its event has been triggered.
        """
        self._advance()
        for lane in self._active:
            kept = [flow for flow in lane.flows if flow[2] is not done]
            if len(kept) < len(lane.flows):
                lane.flows[:] = kept
                heapify(lane.flows)
                if not kept:
                    lane.served = 0.0
        self._rebalance([])

    def rates(self) -> dict[int, float]:
        """Present rate of each flow in bytes per second, by number in the order of `transfer`."""
        return {flow[1]: lane.rate for lane in self._active for flow in lane.flows}

    def _constraint(self, bytes_per_second: float) -> int:
        self._capacities.append(bytes_per_second)
        return len(self._capacities) - 1

    def _lane(self, route: tuple[Hop, ...]) -> _Lane:
        """Return the lane of a route, made at its first use."""
        lane = self._lanes.get(route)
        if lane is not None:
            return lane
        if not route:
            raise UsageError("network: a route needs at least one link")
        for name, direction in route:
            if (name, direction) not in self._hops:
                hint = did_you_mean(f"{name} {direction}", (" ".join(hop) for hop in self._hops))
                raise UsageError(f"network: no link {name!r} in direction {direction!r}; {hint}")
        constraints = tuple(k for hop in route for k in self._hops[hop])
        lane = _Lane(constraints, sum(self._latencies[name] for name, _ in route))
        alone = min(self._capacities[k] for k in constraints)
        for end in (self._ends[route[0]][0], self._ends[route[-1]][1]):
            if end in self._ports:
                port = self._ports[end]
                limit = self._constraint(port.capacity(alone))
                port.limits.append((limit, alone))
                lane.ports.append(port)
                lane.constraints = (*lane.constraints, limit)
        self._lanes[route] = lane
        return lane

    def _enter(self, lane: _Lane, number: int, nbytes: float, done: simpy.Event) -> None:
        """Let a flow start after its latency, unless it has been cancelled."""
        if done.triggered:
            return
        if nbytes == 0:
            done.succeed()
            return
        self._advance()
        if not lane.flows:
            self._active.append(lane)
        heappush(lane.flows, (lane.served + nbytes, number, done))
        self._rebalance([])

    def _advance(self) -> None:
        """Serve every flow up to the present time."""
        now = self.clock.now
        seconds = now - self._advanced_at
        self._advanced_at = now
        if seconds > 0.0:
            for lane in self._active:
                lane.served += lane.rate * seconds

    def _fire(self, timer: simpy.Event) -> None:
        """Finish the flow the timer was armed for, unless rates have changed since."""
        if timer is not self._timer or self._first is None:
            return
        self._advance()
        first = self._first
        # Snap: what was computed to be left then is zero now, whatever rounding says.
        first.served = first.flows[0][0]
        done = []
        for lane in self._active:
            done += lane.pop_done()
        self._rebalance(done)

    def _rebalance(self, done: list[tuple[int, simpy.Event]]) -> None:
        """Recompute the rates, arm the timer, and complete flows in the order of their numbers."""
        now = self.clock.now
        self._timer = self._first = None
        while True:
            self._active = active = [lane for lane in self._active if lane.flows]
            if not active:
                break
            demands = [(len(lane.flows), lane.constraints) for lane in active]
            for lane, rate in zip(active, fair_rates(demands, self._capacities), strict=True):
                lane.rate = rate
            seconds, _, first = min((lane.wait(), lane.flows[0][1], lane) for lane in active)
            if now + seconds > now:
                timer = self.clock.timeout(seconds)
                timer.callbacks.append(self._fire)
                self._timer, self._first = timer, first
                break
            # Too short for the clock to tell: a timer would fire without time passing, for ever.
            first.served = first.flows[0][0]
            done += first.pop_done()
        for _, event in sorted(done, key=lambda flow: flow[0]):
            event.succeed()
