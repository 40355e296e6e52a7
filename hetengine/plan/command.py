"""The ``hetengine plan`` command."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hetengine.errors import UsageError
from hetengine.tool import ToolParser, answer

if TYPE_CHECKING:
    from hetengine.config import RunConfig
    from hetengine.plan.predict import Prediction
    from hetengine.plan.report import Plan

_ABOUT = """\
Simulate placements and rank them by the predicted time to the relative gap tol=...

Every key with several values (key=a,b) spans the placements; without any, the plan tries selection
policies, inner epochs and, where there are several accelerators, each alone and all of them. Writes
ranking.csv and plan.json to --out; with --execute the best placement is run for real, into the
folder best of the same directory, and its time is set against the prediction.

  hetengine plan data=adult topology=cpu_limited
  hetengine plan problem=lasso memory_fraction=0.1,0.25,0.5 solver.selection=gap,sequential,host
  hetengine plan topology=dgx_16 'topology.use=[card0],[card0,card1]' --execute
"""
_BEST = "best"


def main(words: Sequence[str]) -> int:
    """Plan and, if asked to, run.

    Parameters
    ----------
    words : sequence of str
        Overrides and flags.

    Returns
    -------
    int
        0 if a placement reaches the target gap, 3 if none does, 2 for wrong use; with ``--execute``
        that of the run.
    """

    def run() -> int:
        options = _parse(words)
        out = default_out() if options.out is None else options.out
        return _plan(options.overrides, out, execute=options.execute)

    return answer(run)


def default_out() -> Path:
    """Return a directory named after the present time, as runs have them."""
    return Path(f"plans/{datetime.now():%Y-%m-%d/%H-%M-%S-%f}")


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = ToolParser("plan", _ABOUT)
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="as for a run; mode is the plan's"
    )
    parser.add_argument("--execute", action="store_true", help="run the best placement for real")
    parser.add_argument("--out", type=Path, help="directory (default: plans/DATE/TIME)")
    return parser.parse_intermixed_args(list(words))


def _plan(overrides: list[str], out: Path, *, execute: bool) -> int:
    from hetengine import cli
    from hetengine.api import compose
    from hetengine.plan.candidates import combine, default_axes, split
    from hetengine.plan.predict import predict
    from hetengine.plan.report import Plan, claim, write_plan
    from hetengine.record.trust import trust

    fixed, axes = split(overrides)
    config = compose([*fixed, "mode=simulate"])
    _check(config)
    if execute and not any(axis[0].startswith("topology") for axis in axes):
        _check_devices(config)
    candidates = combine(axes or default_axes(fixed, config))
    claim(out)
    count = iter(range(1, len(candidates) + 1))

    def tell(prediction: Prediction) -> None:
        words = " ".join(prediction.candidate)
        sys.stderr.write(f"{next(count)}/{len(candidates)} {words}: {prediction.status}\n")

    ranked = predict(fixed, candidates, tell)
    calibration = trust(config)["calibration"]
    plan = Plan(tuple(fixed), config.topology.name, config.tol, calibration, tuple(ranked))
    files = write_plan(out, plan)
    _print(plan, files)
    if not ranked[0].reached:
        sys.stderr.write(
            "hetengine: no placement reaches the target gap; raise tol or max_rounds\n"
        )
        return cli.NOT_CONVERGED
    chosen = [*fixed, *ranked[0].candidate]
    sys.stdout.write(f"best: hetengine {' '.join(chosen)}\n")
    return _execute(plan, chosen, out) if execute else 0


def _check(config: RunConfig) -> None:
    """Refuse what has no time to a gap."""
    from hetengine.families import trains_net

    if trains_net(config):
        raise UsageError(
            f"plan: ranks placements by the duality gap, and problem={config.problem.name} is a "
            "net; simulate its placements with --multirun mode=simulate topology=NAME,NAME"
        )
    if config.data.name == "shape":
        raise UsageError(
            "plan: data=shape has no values, so nothing converges; name data or a generator, or "
            "use mode=dry for times alone"
        )


def _check_devices(config: RunConfig) -> None:
    """Refuse to look for the best placement on devices that cannot run it afterwards."""
    from hetengine.machine import open_machine

    open_machine(config.topology.build(), "execute", lambda span: None).close()


def _execute(plan: Plan, chosen: list[str], out: Path) -> int:
    """Run the best placement for real and set its time against the prediction."""
    from hetengine import cli
    from hetengine.plan.report import Measured, write_plan

    folder = out / _BEST
    quoted = str(folder).replace("\\", "\\\\").replace("'", "\\'")
    code = cli.main([*chosen, "mode=execute", f"hydra.run.dir='{quoted}'"])
    if not (folder / "summary.json").is_file():
        return code
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    measured = Measured(
        str(folder), summary["status"], plan.ranked[0].seconds, float(summary["seconds"])
    )
    write_plan(out, replace(plan, measured=measured))
    sys.stdout.write(f"{measured.line()}\n")
    return code


def _print(plan: Plan, files: Sequence[Path]) -> None:
    """Print the ranking, why placements cannot run, and how far to trust it."""
    console = Console()
    console.print(_table(plan.ranked))
    for each in plan.ranked:
        if each.reason:
            sys.stdout.write(f"{' '.join(map(_short, each.candidate))}: {each.reason}\n")
    status, detail = plan.calibration["status"], plan.calibration["detail"]
    sys.stdout.write(f"{status}: topology {plan.topology}, {detail}\n")
    for file in files:
        console.out(str(file), highlight=False)


def _short(word: str) -> str:
    """Leave the group out of an override."""
    key, _, value = word.partition("=")
    return f"{key.rpartition('.')[2]}={value}"


def _table(ranked: Sequence[Prediction]) -> Table:
    table = Table("rank", "seconds", "rounds", "gap", "GB up", "placement", "")
    for rank, each in enumerate(ranked, 1):
        known = each.status != "refused"
        cells = (
            str(rank) if each.reached else "-",
            ("" if each.reached else "> ") + f"{each.seconds:.4g}" if known else "",
            str(each.rounds) if known else "",
            f"{each.relative_gap:.1e}" if known else "",
            f"{each.bytes_up / 1e9:.3g}" if known else "",
            " ".join(map(_short, each.candidate)) or "as configured",
            "" if each.reached else each.status,
        )
        table.add_row(*map(Text, cells))
    return table
