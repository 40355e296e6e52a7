"""How fast the simulated machine is on this one: fluid transfers and device commands per second.

Run it as ``python benchmarks/sim_speed.py``; it prints rates, each the best of three, and writes
them with the date to ``benchmarks/results/sim_speed.md``.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from hetengine.calibrate.host import this_host
from hetengine.calibrate.spec import KernelCost
from hetengine.clock import VirtualClock
from hetengine.sim import FluidNetwork, KernelCosts, RooflineCost, SimulatedDevice
from hetengine.sim.cost.history import SizeClass
from hetengine.span import Span
from hetengine.topology import DeviceSpec, LinkSpec, Topology
from hetengine.work import Work

TRANSFERS = 40_000
COMMANDS = 100_000
ESTIMATES = 100_000
FLOWS = 8
RESULTS = Path(__file__).parent / "results" / "sim_speed.md"


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


def estimates() -> int:
    """Look up the times of launches of many sizes among forty measured size classes."""
    sizes = np.geomspace(1e3, 1e6, 40)
    classes = [SizeClass(_sized(size), 1e-9 * size, 0.0, 20).line() for size in sizes]
    known = KernelCost(coefficients={"bytes_read": 1e-9}, history=classes)
    spec, costs = DeviceSpec("card", kernels={"touch": known}), KernelCosts()
    for k in range(ESTIMATES):
        costs.seconds(spec, _sized(1e3 + 10.0 * k), "touch")
    return ESTIMATES


def _sized(size: float) -> Work:
    return Work(flops=2.0 * size, bytes_read=size, bytes_written=8.0, items=round(size / 64))


def best_rate(workload: Callable[[], int]) -> float:
    """Items per second of the best of three runs."""
    rates = []
    for _ in range(3):
        start = time.perf_counter()
        count = workload()
        rates.append(count / (time.perf_counter() - start))
    return max(rates)


def main() -> None:
    """Measure, print and write."""
    per_command = best_rate(commands)
    lines = [
        "# How fast the simulated machine is",
        "",
        f"- date: {datetime.now(UTC).isoformat(timespec='minutes')}",
        f"- processor: {this_host().cpu}, one core",
        f"- python: {platform.python_version()}",
        "",
        "| | goal | measured, best of three |",
        "|---|---:|---:|",
        f"| transfers/s, {FLOWS} flows on one link | 20,000 | {best_rate(transfers):,.0f} |",
        f"| device commands/s, 1 copy to 9 launches | 20,000 | {per_command:,.0f} |",
        f"| seconds for {COMMANDS:,} device commands | 5 | {COMMANDS / per_command:.1f} |",
        f"| times of launches looked up/s, 40 size classes | | {best_rate(estimates):,.0f} |",
    ]
    print("\n".join(lines))
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
