"""How fast the simulated machine is on this one: fluid transfers and device commands per second.

Run it as ``python benchmarks/sim_speed.py``; it prints two rates, each the best of three.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any

from hetengine.clock import VirtualClock
from hetengine.device import Span, Work
from hetengine.sim import FluidNetwork, RooflineCost, SimulatedDevice
from hetengine.topology import DeviceSpec, LinkSpec, Topology

TRANSFERS = 40_000
COMMANDS = 100_000
FLOWS = 8


def transfers() -> int:
    """Keep eight flows of different sizes on one link until all transfers are done."""
    clock = VirtualClock()
    network = FluidNetwork(clock)
    network.add_link(LinkSpec("bus", ("host", "card"), 1e10, 1e10, 1.5e10, latency_seconds=1e-5))

    def stream(k: int) -> Generator[Any, Any, None]:
        for i in range(TRANSFERS // FLOWS):
            yield network.transfer([("bus", "up")], 1e6 + 1e3 * ((i * 7 + k * 13) % 101))

    streams = [clock.process(stream(k)) for k in range(FLOWS)]
    clock.run(until=clock.all_of(streams))
    return TRANSFERS


def commands() -> int:
    """Launch on one device, each command with a buffer, a dependency on a copy every tenth."""
    clock = VirtualClock()
    network = FluidNetwork(clock)
    link = LinkSpec("bus", ("host", "card"), 1e10, 1e10)
    specs = (DeviceSpec("host", "host"), DeviceSpec("card", launch_seconds=1e-6))
    topology = Topology("two", specs, (link,))
    network.add_link(link)
    spans: list[Span] = []
    kernels = {"touch": lambda values: None}
    host, card = (
        SimulatedDevice(spec, clock, kernels, network, topology, spans.append, RooflineCost())
        for spec in specs
    )
    here, there = host.alloc("x", 16, "f8"), card.alloc("x", 16, "f8")
    touch = card.load("touch")

    def program() -> Generator[Any, Any, None]:
        work = Work(flops=1e3, bytes_read=128)
        for _ in range(COMMANDS // 100):
            for _ in range(10):
                arrived = card.copy(there, here)
                for _ in range(9):
                    card.launch(touch, (there,), work, after=(arrived,))
            yield card.synchronize()

    clock.run(until=clock.process(program()))
    assert len(spans) == COMMANDS
    return COMMANDS


def best_rate(workload: Callable[[], int]) -> float:
    """Items per second of the best of three runs."""
    rates = []
    for _ in range(3):
        start = time.perf_counter()
        count = workload()
        rates.append(count / (time.perf_counter() - start))
    return max(rates)


if __name__ == "__main__":
    print(f"transfers/s, {FLOWS} flows on one link: {best_rate(transfers):,.0f}")
    print(f"commands/s, 1 copy to 9 launches:    {best_rate(commands):,.0f}")
