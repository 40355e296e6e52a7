from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from hetengine.clock import VirtualClock
from hetengine.incidents import Incident
from hetengine.sim import FluidNetwork, RooflineCost, SimulatedDevice
from hetengine.span import Span
from hetengine.topology import DeviceSpec, LinkSpec, Topology


def nothing(*args: Any) -> None:
    pass


class Machine:
    """A host and a card that moves 100 bytes a second, computes 10 operations, launches in 1 s.

    The bus moves 50 bytes a second up and 25 down, after half a second of latency.
    """

    def __init__(
        self,
        kernels: Mapping[str, Callable[..., Any]] | None = None,
        numerics: bool = True,
        capacity_bytes: int | None = None,
        events: Sequence[Incident] = (),
    ) -> None:
        self.clock = VirtualClock()
        self.spans: list[Span] = []
        rates: dict[str, Any] = {
            "bandwidth_bytes_per_second": 100.0,
            "flops_per_second": 10.0,
            "launch_seconds": 1.0,
        }
        specs = (
            DeviceSpec("host", "host", **rates),
            DeviceSpec("card", capacity_bytes=capacity_bytes, events=events, **rates),
        )
        bus = LinkSpec("bus", ("host", "card"), 50.0, 25.0, latency_seconds=0.5)
        topology = Topology("two", specs, (bus,))
        self.network = FluidNetwork(self.clock)
        self.network.add_link(bus)
        self.host, self.card = (
            SimulatedDevice(
                spec,
                self.clock,
                kernels or {},
                self.network,
                topology,
                self.spans.append,
                RooflineCost(),
                numerics,
            )
            for spec in specs
        )

    @property
    def log(self) -> list[tuple[str, str, float, float]]:
        """What ran: device, label, start and end."""
        return [(s.device, s.label, s.start_seconds, s.end_seconds) for s in self.spans]


@pytest.fixture
def build() -> type[Machine]:
    """Makes a machine."""
    return Machine
