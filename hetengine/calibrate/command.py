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
Takes two to three minutes; keep the machine quiet meanwhile. Use the file with

    hetengine mode=simulate topology_file=FILE

On a machine that others share, refresh it before you rely on it, which takes about a minute:

    hetengine calibrate --refresh FILE

repeats three in five of the runs it was made of, and notes in the file by which factors devices,
kernels and links are slower or faster than when they were measured; simulated runs apply them.

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
        if options.refresh is None:
            out = options.out or default_out()
            calibrate(
                options.overrides, out, options.passes, force=options.force, quick=options.quick
            )
            return
        typed = [
            f"--{name}" for name in ("out", "passes", "force", "quick") if _given(options, name)
        ]
        if typed or options.overrides:
            raise UsageError(
                f"calibrate: --refresh takes the file only, not {[*options.overrides, *typed][0]}; "
                "leave one of them out"
            )
        refresh(options.refresh)

    return answer(run)


def calibrate(
    overrides: Sequence[str],
    out: Path,
    passes: int | None = None,
    *,
    force: bool = False,
    quick: bool = False,
) -> Path:
    """Measure, print and write.

    Parameters
    ----------
    overrides : sequence of str
        ``topology=NAME`` and keys below it, or ``topology_file=PATH``.
    out : pathlib.Path
        The file to write.
    passes : int, optional
        How often all probes are run; by default as often as some three minutes allow.
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
        If an override is wrong, or the file exists or cannot be written.
    """
    from rich.console import Console

    from hetengine.api import compose
    from hetengine.calibrate.file import check_writable, write_topology
    from hetengine.calibrate.measure import measure
    from hetengine.calibrate.probes import QUICK_SHAPES, SHAPES, plan
    from hetengine.calibrate.table import print_tables

    if out.exists() and not force:
        raise UsageError(f"{out} exists; choose another --out or say --force")
    if passes is not None and passes < 1:
        raise UsageError(f"--passes={passes} must be at least 1")
    topology = compose(overrides).topology
    check_writable(out)
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


def refresh(path: Path) -> None:
    """Run the reference runs of a calibrated file again, print what has changed and keep it there.

    Parameters
    ----------
    path : pathlib.Path
        A topology file that was measured on this machine.

    Raises
    ------
    UsageError
        If it was not, lately, keeps no reference runs, or cannot be written.
    """
    from rich.console import Console

    from hetengine.calibrate.file import check_writable, read_topology, write_topology
    from hetengine.calibrate.refresh import refreshed
    from hetengine.calibrate.table import print_drift

    begun = time.perf_counter()
    topology = read_topology(path)
    check_writable(path)
    found = refreshed(topology, owner=str(path))
    write_topology(path, found)
    assert found.calibration is not None
    assert found.calibration.refresh is not None
    console = Console()
    print_drift(console, found.calibration.refresh)
    console.out(f"{path} ({time.perf_counter() - begun:.0f} s)", highlight=False)


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
    parser.add_argument("--out", type=Path, help=f"default: {default_out()}")
    parser.add_argument(
        "--passes",
        type=int,
        help="runs of all probes (default: what three minutes allow, at most 4)",
    )
    parser.add_argument("--force", action="store_true", help="write over an existing file")
    parser.add_argument("--quick", action="store_true", help="two small shapes only")
    parser.add_argument(
        "--refresh", type=Path, metavar="FILE", help="correct a calibration by a few short runs"
    )
    return parser.parse_args(list(words))


def _given(options: argparse.Namespace, name: str) -> bool:
    return getattr(options, name) not in (None, False)


def _say(message: str) -> None:
    sys.stderr.write(f"calibrate: {message}\n")
