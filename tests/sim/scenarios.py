"""Machines and programs whose traces are kept in ``golden/``.

``python -m tests.sim.scenarios`` writes them anew, after a change that is meant to change them.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hetengine.api import compose
from hetengine.config import DeviceConfig, LinkConfig, TierConfig, TopologyConfig
from hetengine.engine.linear import run
from hetengine.fpga import Design, Fpga, Resources, Unit
from hetengine.incidents import Incident
from hetengine.machine import Machine, open_machine
from hetengine.record.recorder import Recorder
from hetengine.record.trace import write_trace
from hetengine.work import Work

GOLDEN = Path(__file__).parent / "golden"


def two_cards(**options: Any) -> TopologyConfig:
    """Two cards behind one switch; the cards' slots are faster than the way to the host."""
    rates: dict[str, Any] = {
        "bandwidth_bytes_per_second": 100.0,
        "flops_per_second": 10.0,
        "launch_seconds": 1.0,
    }
    slot: dict[str, Any] = {
        "up_bytes_per_second": 80.0,
        "down_bytes_per_second": 80.0,
        "latency_seconds": 0.25,
    }
    return TopologyConfig(
        "switched",
        {
            "host": DeviceConfig("host", cores="socket", threads=2, **rates),
            "card0": DeviceConfig(**rates),
            "card1": DeviceConfig(**rates),
        },
        {
            "root": LinkConfig(["host", "switch"], 100.0, 50.0, 120.0, latency_seconds=0.5),
            "slot0": LinkConfig(["switch", "card0"], **slot),
            "slot1": LinkConfig(["switch", "card1"], **slot),
        },
        nodes=["switch"],
        cores={"socket": 2},
        tiers={"nvme": TierConfig("host", ["data"], 1000)},
        **options,
    )


def opened(config: TopologyConfig, recorder: Recorder) -> Machine:
    """Open a machine without numerics and start it."""
    machine = open_machine(config.build(), "dry", recorder.observe, recorder.sample)
    machine.start()
    return machine


def shared_links() -> str:
    """Copies to two cards meet on the way through the switch, and one comes back."""
    recorder = Recorder()
    machine = opened(two_cards(), recorder)
    host, (card0, card1) = machine.host, machine.accelerators
    host.memory.reserve("data", 700)
    x = host.alloc("x", 400, "u1")
    a, b, c = card0.alloc("a", 400, "u1"), card1.alloc("b", 400, "u1"), card1.alloc("c", 400, "u1")
    sent = [card0.copy(a, x), card1.copy(b, x)]
    back = host.alloc("back", 400, "u1")
    machine.clock.run(until=2.0)
    returned = card1.copy(back, c)
    solved = card0.launch(card0.load("dense_epoch"), (), Work(flops=50), after=sent)
    machine.clock.run(until=returned & solved)
    host.memory.release("data", 700)
    return trace(recorder)


def a_bad_day() -> str:
    """One card is slow for a while, the other stalls, fails and returns."""
    config = two_cards()
    config.devices["card0"].events = [Incident("slow", 2.0, 6.0, 4.0)]
    config.devices["card1"].events = [Incident("stall", 1.5, 3.0), Incident("fail", 5.0, 9.0)]
    recorder = Recorder()
    machine = opened(config, recorder)
    for card in machine.accelerators:
        kernel = card.load("dense_epoch")
        for _ in range(6):
            event = card.launch(kernel, (), Work(flops=10), category="solve")
            event.callbacks.append(lambda fired: setattr(fired, "defused", True))
    for _ in range(3):
        machine.host.launch(machine.host.load("dense_gaps"), (), Work(bytes_read=100))
    machine.clock.run(until=9.5)
    last = machine.accelerators[1]
    machine.clock.run(until=last.launch(last.load("dense_epoch"), (), Work()))
    machine.clock.run(until=20.0)
    return trace(recorder)


def tight_memory() -> str:
    """A card that is an FPGA loads one design after the other; the host evicts what is oldest."""
    config = two_cards()
    units = {name: Unit([f"dense_{name}"], {"slr0": 1}) for name in ("epoch", "unpack")}
    designs = {name: Design({name: unit}) for name, unit in units.items()}
    card = config.devices["card0"]
    card.fpga = Fpga(10.0, 1, 640.0, {"slr0": Resources()}, designs, reconfigure_seconds=2.0)
    card.alloc_seconds, card.alloc_bytes_per_second = 0.25, 400.0
    config.tiers = {
        "dram": TierConfig("host", ["*"], 1000, evicts_to="nvme"),
        "nvme": TierConfig("host", [], 10**6, write_bytes_per_second=50.0, latency_seconds=0.5),
    }
    recorder = Recorder()
    machine = opened(config, recorder)
    host, card0 = machine.host, machine.accelerators[0]
    host.memory.reserve("data", 600)
    x = host.alloc("x", 600, "u1")
    there = card0.alloc("there", 600, "u1")
    sent = card0.copy(there, x)
    for name in ("dense_epoch", "dense_unpack", "dense_epoch"):
        last = card0.launch(card0.load(name), (), Work(bytes_read=640, items=10), after=[sent])
    machine.clock.run(until=last)
    return trace(recorder)


def a_dry_run() -> str:
    """Three rounds of DuHL on an FPGA, sizes only."""
    words = ["topology=xeon_u280", "data=shape", "data.rows=2000", "data.columns=500"]
    more = ["mode=dry", "max_rounds=3", "memory_fraction=0.5", "progress=none", "problem=lasso"]
    recorder = Recorder()
    run(compose([*words, *more]), recorder)
    return trace(recorder)


def trace(recorder: Recorder) -> str:
    """Return what ``trace.json`` would hold, without the rows, which are stamped by the wall."""
    stream = io.StringIO()
    write_trace(stream, recorder.spans, [], {"clock": "virtual"}, recorder.samples)
    return stream.getvalue()


SCENARIOS: dict[str, Callable[[], str]] = {
    each.__name__: each for each in (shared_links, a_bad_day, tight_memory, a_dry_run)
}

if __name__ == "__main__":
    for name in sys.argv[1:] or SCENARIOS:
        (GOLDEN / f"{name}.json").write_text(SCENARIOS[name](), encoding="utf-8")
