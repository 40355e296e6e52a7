"""Calibrate, run the suite, all of it or in parts, and write what came out."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.fidelity.cases import Case, suite
from benchmarks.fidelity.measure import backends, calibrations, run_all, simulated_again
from benchmarks.fidelity.parts import Part, merged, read_parts
from benchmarks.fidelity.score import Outcome, as_json, markdown
from hetengine.calibrate.bystanders import Bystanders
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
        outcomes, about = merged(parts, [case.name for case in cases]), _about_all(parts)
        if options.simulate_again:
            measured = calibrations(installed, KEPT, reuse=True)
            outcomes = simulated_again(outcomes, cases, measured)
            about["simulated again"] = datetime.now(UTC).isoformat(timespec="minutes")
        _write(outcomes, about, options.out)
        return
    names = (options.backend,) if options.backend else installed
    measured = calibrations(names, KEPT, options.reuse)
    if options.calibrate_only:
        return
    chosen = suite(names, options.development)
    cases = [case for case in chosen if case.backend in names and options.only in case.name]
    k, whole = options.part
    part = _measured(f"{'+'.join(names)} {k}/{whole}", cases[k - 1 :: whole], measured, options)
    if options.development:
        lines = markdown(part.outcomes, part.about)
        print("\n".join(lines))
        (KEPT / f"development_{'_'.join(names)}.md").write_text("\n".join(lines) + "\n", "utf-8")
    elif options.backend or options.only or whole > 1:
        print("\n".join(markdown(part.outcomes, part.about)))
        print(f"\nkept in {part.write(KEPT)}")
    else:
        _write(part.outcomes, part.about, options.out)


def _measured(
    name: str, cases: list[Case], measured: dict[str, TopologyConfig], options: argparse.Namespace
) -> Part:
    begun, others = time.perf_counter(), Bystanders()
    outcomes, disturbed = run_all(cases, measured, options.repeats, KEPT)
    taken, wall = others.seconds()
    calibration = next(iter(measured.values())).calibration
    about = {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "processor": getattr(calibration, "cpu", ""),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "backends": ", ".join(measured),
        "calibrated": ", ".join(str(getattr(t.calibration, "date", "")) for t in measured.values()),
        "repeats": options.repeats,
        "cores that others used": f"{taken / wall:.2f}",
        "real runs that others disturbed": f"{disturbed} of {options.repeats * len(cases)}",
        "took": f"{time.perf_counter() - begun:.0f} s",
    }
    return Part(name, outcomes, about)


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
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--reuse", action="store_true", help="calibrations of the last time")
    parser.add_argument("--calibrate-only", action="store_true", help="calibrate, and stop")
    parser.add_argument("--backend", choices=backends(), help="cases of one backend")
    parser.add_argument("--part", type=_part, default=(1, 1), help="K/N: every N-th case from K on")
    parser.add_argument("--development", action="store_true", help="the cases to tune on")
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
