"""``hetengine compare A B``: the table, ``compare.json`` and a merged trace."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hetengine.compare.merge import write_merged
from hetengine.compare.read import read_run
from hetengine.compare.report import Comparison, Pair, compare
from hetengine.errors import UsageError
from hetengine.tool import ToolParser, answer

if TYPE_CHECKING:
    from rich.table import Table

_ABOUT = """\
Compare two finished runs, the first taken as the truth: a real run and its simulation, or two
simulations. Prints where the makespan goes in each and the largest differences, and writes
compare.json and trace.json (both runs side by side, for Perfetto) to --out.
"""
_ROWS = 12


def main(words: Sequence[str]) -> int:
    """Run the command.

    Parameters
    ----------
    words : sequence of str
        What was typed after ``hetengine compare``.

    Returns
    -------
    int
        The exit code.
    """

    def run() -> None:
        options = _parse(words)
        compare_runs(options.a, options.b, options.out)

    return answer(run)


def compare_runs(a: Path, b: Path, out: Path) -> Comparison:
    """Compare two run directories, print the tables and write the files.

    Parameters
    ----------
    a, b : pathlib.Path
        Directories of finished runs.
    out : pathlib.Path
        Directory for ``compare.json`` and ``trace.json``.

    Raises
    ------
    UsageError
        If one is no run directory, or ``out`` is one or cannot be written to.
    """
    from rich.console import Console

    left, right = read_run(a), read_run(b)
    found = compare(left, right)
    if (out / "summary.json").exists():
        raise UsageError(f"compare: {out} is a run directory; choose another --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(found.as_dict(), indent=2, allow_nan=False)
        (out / "compare.json").write_text(text + "\n", encoding="utf-8")
        with (out / "trace.json").open("w", encoding="utf-8", newline="") as stream:
            write_merged(stream, left, right)
    except OSError as error:
        raise UsageError(
            f"compare: cannot write to {out} ({error.strerror}); choose another --out"
        ) from error
    console = Console()
    for table in tables(found, f"{left.name} ({left.mode})", f"{right.name} ({right.mode})"):
        console.print(table)
    for letter, run in (("a", left), ("b", right)):
        if trust := found.calibration.get(letter):
            line = f"{run.name}: {trust['status']}, {trust['detail']}"
            console.out(line, highlight=False)
    for name in ("compare.json", "trace.json"):
        console.out(str(out / name), highlight=False)
    return found


def tables(found: Comparison, a: str, b: str) -> list[Table]:
    """Return the tables of a comparison.

    Parameters
    ----------
    found : Comparison
        What to show.
    a, b : str
        Headings of the two runs.
    """
    whole = _table("seconds of the makespan and its parts (each instant once)", a, b)
    for pair in (found.makespan, *found.parts):
        _add(whole, pair)
    kernels = _table(f"seconds of kernels, the {_ROWS} largest differences", a, b)
    for pair in found.kernels[:_ROWS]:
        _add(kernels, pair)
    links = _table("seconds of transfers", a, b)
    for pair in found.links[:_ROWS]:
        _add(links, pair)
    gaps = _table("seconds to a relative gap or test error", a, b)
    for pair in found.time_to_gap:
        _add(gaps, pair)
    return [whole, kernels, links, gaps]


def _table(title: str, a: str, b: str) -> Table:
    from rich.table import Column, Table

    columns = (Column(heading, justify="right") for heading in (a, b, "error", "runs"))
    return Table(Column("", no_wrap=True), *columns, title=title, title_justify="left")


def _add(table: Table, pair: Pair) -> None:
    error = "" if pair.error is None else f"{100 * pair.error:+.1f} %"
    counts = "" if not pair.count_a and not pair.count_b else f"{pair.count_a}, {pair.count_b}"
    table.add_row(pair.name, f"{pair.a:.5f}", f"{pair.b:.5f}", error, counts)


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = ToolParser("compare", _ABOUT)
    parser.add_argument("a", type=Path, metavar="A", help="directory of the first run")
    parser.add_argument("b", type=Path, metavar="B", help="directory of the second run")
    parser.add_argument(
        "--out", type=Path, default=Path("comparison"), help="directory (default: %(default)s)"
    )
    return parser.parse_args(list(words))
