"""The ``hetengine plan`` command."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hetengine.errors import UsageError
from hetengine.families import trains_net

if TYPE_CHECKING:
    from hetengine.plan.predict import Prediction

USAGE = """hetengine plan [--execute] [KEY=VALUE ...]: simulate placements and rank them.

Every key with several values (key=a,b) spans the placements; without any, the plan tries selection
policies, inner epochs and, where there are several accelerators, each alone and all of them.
They are ranked by the predicted time to the relative gap tol=...

--execute   run the best placement for real

  hetengine plan data=adult topology=cpu_limited
  hetengine plan problem=lasso memory_fraction=0.1,0.25,0.5 solver.selection=gap,sequential,host
  hetengine plan topology=dgx_16 'topology.use=[card0],[card0,card1]' --execute
"""


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
    if "--help" in words or "-h" in words:
        sys.stdout.write(USAGE)
        return 0
    flags = [word for word in words if word.startswith("-")]
    overrides = [word for word in words if not word.startswith("-")]
    unknown = [flag for flag in flags if flag != "--execute"]
    if unknown:
        sys.stderr.write(
            f"hetengine: plan: unknown flag {unknown[0]}; allowed: --execute, --help\n"
        )
        return UsageError.exit_code
    try:
        return _plan(overrides, execute=bool(flags))
    except Exception as error:
        from hetengine.explain import exit_code, explain

        sys.stderr.write(f"hetengine: {explain(error)}\n")
        return exit_code(error)


def _plan(overrides: list[str], *, execute: bool) -> int:
    from hetengine import cli
    from hetengine.api import compose
    from hetengine.plan.candidates import combine, default_axes, split
    from hetengine.plan.predict import predict

    fixed, axes = split(overrides)
    config = compose([*fixed, "mode=simulate"])
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
    candidates = combine(axes or default_axes(fixed, config))
    count = iter(range(1, len(candidates) + 1))

    def tell(prediction: Prediction) -> None:
        words = " ".join(prediction.candidate)
        sys.stderr.write(f"{next(count)}/{len(candidates)} {words}: {prediction.status}\n")

    ranked = predict(fixed, candidates, tell)
    Console().print(_table(ranked))
    for each in ranked:
        if each.reason:
            sys.stdout.write(f"{' '.join(map(_short, each.candidate))}: {each.reason}\n")
    if config.topology.calibration is None:
        sys.stdout.write(
            f"UNCALIBRATED: topology {config.topology.name} states rates that nobody measured "
            "here; the ranks are no better than they\n"
        )
    best = ranked[0]
    if not best.reached:
        sys.stderr.write(
            "hetengine: no placement reaches the target gap; raise tol or max_rounds\n"
        )
        return cli.NOT_CONVERGED
    chosen = [*fixed, *best.candidate]
    sys.stdout.write(f"best: hetengine {' '.join(chosen)}\n")
    return cli.main([*chosen, "mode=execute"]) if execute else 0


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
