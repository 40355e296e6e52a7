"""Traces that must not change by themselves: same program, same bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sim.scenarios import GOLDEN, SCENARIOS

ROOT = Path(__file__).resolve().parents[2]
ALONE = """
import hashlib
from tests.sim.scenarios import SCENARIOS
for name in SCENARIOS:
    print(name, hashlib.sha256(SCENARIOS[name]().encode()).hexdigest())
"""


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_a_trace_is_what_it_was(name: str) -> None:
    expected = (GOLDEN / f"{name}.json").read_text(encoding="utf-8")
    # If this is meant to change: python -m tests.sim.scenarios
    assert SCENARIOS[name]() == expected
    assert json.loads(expected)["traceEvents"]


def test_traces_do_not_depend_on_the_order_of_sets_and_dictionaries() -> None:
    told = set()
    for seed in ("0", "1"):
        environment = os.environ | {
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "backends")]),
        }
        done = subprocess.run(
            [sys.executable, "-c", ALONE],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        told.add(done.stdout)
    assert len(told) == 1


def slices(name: str) -> list[tuple[str, float, float]]:
    events = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))["traceEvents"]
    return [
        (event["name"], event["ts"] / 1e6, event["dur"] / 1e6)
        for event in events
        if event["ph"] == "X"
    ]


def test_the_golden_links_share_as_worked_out_by_hand() -> None:
    # Both copies enter the switch after 0.75 s at 50 bytes a second each. From 2.75 s on the one
    # that comes back takes part in the cap of 120 both ways, 40 each, until they have arrived.
    arrived = 2.75 + (400 - 2.0 * 50) / 40
    returned = arrived + (400 - 7.5 * 40) / 50
    assert sorted(slices("shared_links")) == [
        ("c", 2.0, returned - 2.0),
        ("dense_epoch", arrived, 6.0),
        ("x", 0.0, arrived),
        ("x", 0.0, arrived),
    ]


def test_the_golden_memory_is_as_worked_out_by_hand() -> None:
    # The program waits for what is evicted, then for what it allocates; then the copy goes over
    # two links of 100 and 80 bytes a second; a launch takes a second, ten lines and an item each.
    moved = 0.5 + 600 / 50
    copied = moved + 0.25 + 600 / 400
    arrived = copied + 0.75 + 600 / 80
    launch = 1.0 + 10 / 10
    assert sorted(slices("tight_memory")) == [
        ("data", 0.0, moved),
        ("dense_epoch", arrived, launch),
        ("dense_epoch", arrived + 2 * launch + 4.0, launch),
        ("dense_unpack", arrived + launch + 2.0, launch),
        ("load epoch", arrived + 2 * launch + 2.0, 2.0),
        ("load unpack", arrived + launch, 2.0),
        ("x", copied, arrived - copied),
    ]


def test_the_golden_incidents_are_as_worked_out_by_hand() -> None:
    events = json.loads((GOLDEN / "a_bad_day.json").read_text(encoding="utf-8"))["traceEvents"]
    pids = {e["args"]["name"]: e["pid"] for e in events if e["name"] == "process_name"}
    by_card = {
        name: [
            (e["ts"] / 1e6, (e["ts"] + e["dur"]) / 1e6)
            for e in events
            if e["ph"] == "X" and e["pid"] == pids[name]
        ]
        for name in ("card0", "card1")
    }
    # Two seconds each; from 2 to 6 one second of work gets done.
    assert by_card["card0"][:3] == [(0.0, 2.0), (2.0, 7.0), (7.0, 9.0)]
    # Half a second is left when the stall begins at 1.5; the second one fails at 5 s.
    assert by_card["card1"] == [(0.0, 3.5), (9.5, 10.5)]
