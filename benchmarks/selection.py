"""Bytes copied and time to a relative gap of 1e-4, by selection policy: table and picture.

The sweep (about 30 minutes on two cores):

    hetengine --multirun 'hydra.searchpath=[file://benchmarks/conf]' \
        experiment=leukemia_lasso,imdb_svm_half,imdb_svm_quarter \
        solver.selection=gap,sequential,random,importance solver.inner_epochs=1,3,10,30 \
        solver.certify_ratio=0.2 max_seconds=120 hydra.sweep.dir=multirun/selection

and then:

    python benchmarks/selection.py multirun/selection --out benchmarks/results
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

POLICIES = ("gap", "sequential", "random", "importance")
TITLES = {
    "imdb_svm_half": "SVM on IMDB, half of it fits",
    "imdb_svm_quarter": "SVM on IMDB, a quarter fits",
    "leukemia_lasso": "Lasso on leukemia, a quarter fits",
}
COLOURS = dict(zip(POLICIES, ("#c0392b", "#7f8c8d", "#2e86c1", "#b7950b"), strict=True))


@dataclass(frozen=True)
class Run:
    """One finished run of the sweep."""

    case: str
    policy: str
    inner_epochs: int
    summary: dict
    directory: Path

    @property
    def nbytes(self) -> int:
        """Bytes copied both ways."""
        return self.summary["bytes_host_to_device"] + self.summary["bytes_device_to_host"]

    @property
    def converged(self) -> bool:
        """Whether it reached the tolerance."""
        return self.summary["status"] == "converged"


def read_runs(directory: Path) -> list[Run]:
    """Read every finished run below a sweep directory."""
    runs = []
    for file in sorted(directory.glob("*/summary.json")):
        summary = json.loads(file.read_text())
        words = dict(word.split("=", 1) for word in summary["overrides"])
        policy, epochs = summary["selection"], int(words["solver.inner_epochs"])
        runs.append(Run(words["experiment"], policy, epochs, summary, file.parent))
    return runs


def best(runs: list[Run]) -> dict[tuple[str, str], Run]:
    """Pick, for each case and policy, the run that copied least; converged ones first."""
    groups: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        groups[run.case, run.policy].append(run)
    return {
        key: min(group, key=lambda run: (not run.converged, run.nbytes))
        for key, group in groups.items()
    }


def table(chosen: dict[tuple[str, str], Run]) -> list[str]:
    """Lay the chosen runs out in Markdown."""
    lines = [
        "| case | selection | inner epochs | status | rounds | bytes copied | times gap "
        "| seconds |",
        "|---|---|---:|---|---:|---:|---:|---:|",
    ]
    for case in sorted({case for case, _ in chosen}):
        base = chosen[case, "gap"].nbytes
        for policy in POLICIES:
            run = chosen[case, policy]
            summary = run.summary
            lines.append(
                f"| {case} | {policy} | {run.inner_epochs} | {summary['status']} "
                f"| {summary['rounds']:,} | {run.nbytes / 1e6:,.1f} MB | {run.nbytes / base:.1f} "
                f"| {summary['seconds']:.2f} |"
            )
    return lines


def curve(run: Run, key: str) -> tuple[list[float], list[float]]:
    """Read one column of metrics.csv against the relative gap."""
    with (run.directory / "metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    return [float(row[key]) for row in rows], [float(row["relative_gap"]) for row in rows]


def picture(chosen: dict[tuple[str, str], Run], path: Path) -> None:
    """Plot relative gap against seconds and against bytes sent, a row of panels per axis."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    cases = sorted({case for case, _ in chosen})
    axes_of = (("seconds", "seconds on the wall clock"), ("bytes_host_to_device", "bytes sent"))
    figure, axes = plt.subplots(2, len(cases), figsize=(4 * len(cases), 6.4), squeeze=False)
    for column, case in enumerate(cases):
        for row, (key, label) in enumerate(axes_of):
            panel = axes[row][column]
            for policy in POLICIES:
                run = chosen[case, policy]
                x, gap = curve(run, key)
                marker = "." if policy == "gap" else ""
                panel.plot(x, gap, marker=marker, color=COLOURS[policy], label=policy)
            panel.set(xscale="log", yscale="log", xlabel=label)
            panel.set_title(TITLES.get(case, case) if row == 0 else "")
            panel.axhline(1e-4, color="black", linewidth=0.6, linestyle=":")
            panel.grid(alpha=0.25)
        axes[0][column].set_ylabel("relative duality gap" if column == 0 else "")
        axes[1][column].set_ylabel("relative duality gap" if column == 0 else "")
    axes[0][0].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Print the table; write it and the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sweep", type=Path)
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    chosen = best(read_runs(arguments.sweep))
    lines = table(chosen)
    print("\n".join(lines))
    if arguments.out is not None:
        (arguments.out / "selection.md").write_text("\n".join(lines) + "\n")
        picture(chosen, arguments.out / "selection.png")


if __name__ == "__main__":
    main()
