"""``hetengine calibrate``: measure this machine into a topology file."""

from __future__ import annotations

import argparse
import platform
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from hetengine.errors import UsageError
from hetengine.tool import ToolParser, answer

_ABOUT = """\
Measure the devices and links of a topology on this machine and write them to a topology file.
Takes about two minutes; keep the machine quiet meanwhile. Use the file with

    hetengine mode=simulate topology_file=FILE

A simulated run says in its closing table and in summary.json whether its topology was measured on
this machine lately (CALIBRATED), more than 30 days ago (STALE), elsewhere (FOREIGN), or not at all
(UNCALIBRATED).
"""


def main(words: Sequence[str]) -> int:
    """Run the command.

    Parameters
    ----------
    words : sequence of str
        What was typed after ``hetengine calibrate``.

    Returns
    -------
    int
        The exit code.
    """

    def run() -> None:
        options = _parse(words)
        calibrate(
            options.overrides, options.out, options.passes, force=options.force, quick=options.quick
        )

    return answer(run)


def calibrate(
    overrides: Sequence[str], out: Path, passes: int, *, force: bool = False, quick: bool = False
) -> Path:
    """Measure, print and write.

    Parameters
    ----------
    overrides : sequence of str
        ``topology=NAME`` and keys below it, or ``topology_file=PATH``.
    out : pathlib.Path
        The file to write.
    passes : int
        How often all probes are run.
    force : bool
        Write over an existing file.
    quick : bool
        Two small shapes instead of all: to try it out, not to trust it.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    UsageError
        If an override is wrong or the file exists.
    """
    from rich.console import Console

    from hetengine.api import compose
    from hetengine.calibrate.file import write_topology
    from hetengine.calibrate.measure import measure
    from hetengine.calibrate.probes import QUICK_SHAPES, SHAPES, plan
    from hetengine.calibrate.table import print_tables

    if out.exists() and not force:
        raise UsageError(f"{out} exists; choose another --out or say --force")
    if passes < 1:
        raise UsageError(f"--passes={passes} must be at least 1")
    topology = compose(overrides).topology
    begun = time.perf_counter()
    probes = plan(QUICK_SHAPES if quick else SHAPES)
    measured, found = measure(topology, probes, passes, _say)
    write_topology(out, measured)
    console = Console()
    print_tables(console, measured, found)
    seconds = time.perf_counter() - begun
    console.out(
        f"{out} ({seconds:.0f} s); use it: hetengine mode=simulate topology_file={out}",
        highlight=False,
    )
    return out


def default_out() -> Path:
    """Return ``topology_HOST.yaml`` for the name of this machine."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", platform.node()) or "here"
    return Path(f"topology_{name}.yaml")


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = ToolParser("calibrate", _ABOUT)
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="topology=NAME",
        help="which machine to open (default: topology=cpu_limited)",
    )
    parser.add_argument("--out", type=Path, default=default_out(), help="default: %(default)s")
    parser.add_argument("--passes", type=int, default=2, help="runs of all probes (default: 2)")
    parser.add_argument("--force", action="store_true", help="write over an existing file")
    parser.add_argument("--quick", action="store_true", help="two small shapes only")
    return parser.parse_args(list(words))


def _say(message: str) -> None:
    sys.stderr.write(f"calibrate: {message}\n")
