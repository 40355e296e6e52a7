"""Calibrate, run the suite, all of it or in parts, and write what came out."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.fidelity.cases import Case, suite
from benchmarks.fidelity.measure import (
    backends,
    calibrations,
    outcome_of,
    run_all,
    simulated,
    with_simulation,
)
from benchmarks.fidelity.parts import Part, merged, read_parts
from benchmarks.fidelity.score import Outcome, as_json, markdown
from hetengine.calibrate.bystanders import Bystanders
from hetengine.calibrate.spec import Refresh
from hetengine.config import TopologyConfig

RESULTS = Path(__file__).resolve().parents[1] / "results"
KEPT = Path("runs/fidelity")
"""Where calibrations and parts are kept."""


def main() -> None:
    """Measure, or put together what was measured; print the table and write it."""
    options = _options()
    installed = backends()
    if options.merge:
        cases, parts = suite(installed), read_parts(KEPT)
        if options.simulate_again:
            measured = calibrations(installed, KEPT, reuse=True)
            parts = [_simulated(part, cases, measured) for part in parts]
            for part in parts:
                part.write(KEPT)
        _write(merged(parts, [case.name for case in cases]), _about_all(parts), options.out)
        return
    names = (options.backend,) if options.backend else installed
    measured = calibrations(names, KEPT, options.reuse)
    if options.calibrate_only:
        return
    chosen = suite(names, options.development)
    cases = [case for case in chosen if case.backend in names and options.only in case.name]
    k, whole = options.part
    part = _measured(f"{'+'.join(names)} {k}/{whole}", cases[k - 1 :: whole], measured, options)
    if options.real_only:
        print(f"kept in {part.write(KEPT)}; simulate with --merge --simulate-again")
        return
    part = _simulated(part, cases, measured)
    lines = markdown(part.outcomes, part.about)
    if options.development:
        print("\n".join(lines))
        (KEPT / f"development_{'_'.join(names)}.md").write_text("\n".join(lines) + "\n", "utf-8")
    elif options.backend or options.only or whole > 1:
        print("\n".join(lines))
        print(f"\nkept in {part.write(KEPT)}")
    else:
        _write(part.outcomes, part.about, options.out)


def _measured(
    name: str, cases: list[Case], measured: dict[str, TopologyConfig], options: argparse.Namespace
) -> Part:
    begun, others = time.perf_counter(), Bystanders()
    real, refreshes, disturbed = run_all(cases, measured, options.repeats)
    taken, wall = others.seconds()
    calibration = next(iter(measured.values())).calibration
    about = {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "processor": getattr(calibration, "cpu", ""),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "backends": ", ".join(measured),
        "calibrated": ", ".join(str(getattr(t.calibration, "date", "")) for t in measured.values()),
        "rounds over all cases": options.repeats,
        "refreshed": "; ".join(f"{name} {_factors(each)}" for name, each in refreshes.items()),
        "cores that others used": f"{taken / wall:.2f}",
        "real runs that others disturbed": f"{disturbed} of {options.repeats * len(cases)}",
        "took": f"{time.perf_counter() - begun:.0f} s",
    }
    return Part(name, [outcome_of(case, real[case]) for case in cases], about, refreshes)


def _simulated(part: Part, cases: Sequence[Case], measured: dict[str, TopologyConfig]) -> Part:
    """Return a part with its cases simulated by the simulator as it is now."""
    names = {outcome.name for outcome in part.outcomes}
    times = simulated([case for case in cases if case.name in names], measured, part.refreshes)
    outcomes = [with_simulation(outcome, times[outcome.name]) for outcome in part.outcomes]
    return replace(part, outcomes=outcomes)


def _factors(refresh: Refresh) -> str:
    """Say by how much whole devices and links have become slower."""
    return ", ".join(f"{what} x{factor:.2f}" for what, factor in refresh.wholes.items())


def _about_all(parts: Sequence[Part]) -> dict[str, Any]:
    """Return what holds for all parts once, and what differs part by part."""
    found: dict[str, Any] = {}
    for key in parts[0].about if parts else ():
        values = {part.name: part.about.get(key) for part in parts}
        same = len(set(map(str, values.values()))) == 1
        found[key] = (
            parts[0].about[key]
            if same
            else "; ".join(f"{value} ({name})" for name, value in values.items())
        )
    return found


def _write(outcomes: Sequence[Outcome], about: dict[str, Any], folder: Path) -> None:
    lines = markdown(outcomes, about)
    print("\n".join(lines))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "fidelity.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    text = json.dumps(as_json(outcomes, about), indent=1)
    (folder / "fidelity.json").write_text(text + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("benchmarks.fidelity", description=__doc__)
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--reuse", action="store_true", help="calibrations of the last time")
    parser.add_argument("--calibrate-only", action="store_true", help="calibrate, and stop")
    parser.add_argument("--backend", choices=backends(), help="cases of one backend")
    parser.add_argument("--part", type=_part, default=(1, 1), help="K/N: every N-th case from K on")
    parser.add_argument("--development", action="store_true", help="the cases to tune on")
    parser.add_argument("--real-only", action="store_true", help="simulate later, when merging")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--merge", action="store_true", help="make one table of all parts kept")
    parser.add_argument(
        "--simulate-again", action="store_true", help="with --merge: the simulator has changed"
    )
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


def _part(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", text)
    if found is None or int(found[1]) > int(found[2]):
        raise argparse.ArgumentTypeError(f"{text!r} must be K/N with K at most N, such as 1/3")
    return int(found[1]), int(found[2])


if __name__ == "__main__":
    main()
