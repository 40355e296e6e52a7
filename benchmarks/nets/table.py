"""Biased local SGD against its baselines: table and picture from a sweep over methods and seeds.

The sweep is one command, see `benchmarks/README.md`; then:

    python -m benchmarks.nets.table multirun/nets --data "CIFAR-10 (JPEG-derived)" \
        --out benchmarks/results
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np

from benchmarks.nets.runs import AXES, Run, common_accuracy, mean_curve, read_runs

REFERENCES = ("sync_all", "sync_fast", "local_fast", "anchor")
"""Methods whose time to equal accuracy the others' is compared with."""


def spread(values: list[float], form: str) -> str:
    """Write mean and standard deviation over seeds; ``never`` where one is not finite.

    Examples
    --------
    >>> spread([1.0, 3.0], ".1f"), spread([1.0, math.inf], ".1f")
    ('2.0 ± 1.4', 'never')
    """
    if not all(math.isfinite(value) for value in values):
        return "never"
    if len(values) == 1:
        return format(values[0], form)
    return f"{np.mean(values):{form}} ± {np.std(values, ddof=1):{form}}"


def ratio(reference: list[float], own: list[float]) -> str:
    """Write how many times as fast a method is as another, by mean times; - where that is unknown.

    Examples
    --------
    >>> ratio([4.0, 4.0], [2.0, 2.0]), ratio([math.inf], [1.0]), ratio([1.0], [math.inf])
    ('2.00', 'reached', '-')
    """
    there, here = float(np.mean(reference)), float(np.mean(own))
    if here == 0.0 or not math.isfinite(here):
        return "-"
    return f"{there / here:.2f}" if math.isfinite(there) else "reached"


def table(groups: dict[str, list[Run]], accuracy: float) -> list[str]:
    """Lay the methods out in Markdown.

    Parameters
    ----------
    groups : dict of str to list of Run
        From `read_runs`.
    accuracy : float
        Test accuracy whose times are compared.
    """
    present = [name for name in REFERENCES if name in groups]
    goal = f"{100 * accuracy:.0f} %"
    head = [
        "method",
        "seeds",
        "final accuracy, %",
        "seconds in all",
        "passes",
        "paper epochs",
        f"seconds to {goal}",
        f"samples to {goal}",
        *(f"times as fast as {name}" for name in present),
    ]
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    times = {
        label: [run.first(accuracy, "seconds") for run in group] for label, group in groups.items()
    }
    for label, group in groups.items():
        last = {key: [float(run.columns[key][-1]) for run in group] for key in group[0].columns}
        cells = [
            label,
            str(len(group)),
            spread([100 * value for value in last["test_accuracy"]], ".2f"),
            f"{np.mean(last['seconds']):.4g}",
            f"{np.mean(last['passes']):.2f}",
            f"{np.mean(last['paper_epoch']):.2f}",
            spread(times[label], ".3g"),
            spread([run.first(accuracy, "samples") for run in group], ",.0f"),
            *(ratio(times[name], times[label]) for name in present),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def caption(groups: dict[str, list[Run]], data: str) -> str:
    """Say on what, by what and where the numbers were made."""
    summary = next(iter(groups.values()))[0].summary
    images = summary["data"]
    clock = "real seconds" if summary["mode"] == "execute" else "virtual seconds"
    return (
        f"{summary['problem']} ({summary['parameters']:,} parameters) on {data or images['name']}: "
        f"{images['images']:,} training and {images['test_images']:,} test images; batch "
        f"{summary['batch']} per worker; topology {summary['topology']}, {clock}, evaluations not "
        "counted. Mean and standard deviation over seeds. Seconds and samples to an accuracy: the "
        "first evaluation at or above it."
    )


def picture(groups: dict[str, list[Run]], path: Path) -> None:
    """Plot accuracy against seconds, samples and paper epochs: mean, least and largest."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, len(AXES), figsize=(5.2 * len(AXES), 4.6), sharey=True)
    colours = plt.get_cmap("tab20")(np.linspace(0, 1, 20))
    for panel, (axis, label) in zip(panels, AXES.items(), strict=True):
        for k, (method, group) in enumerate(groups.items()):
            place, mean, (least, most) = mean_curve(group, axis)
            if not np.isfinite(place).all():
                continue
            style = "--" if method in REFERENCES else "-"
            panel.plot(place, mean, style, color=colours[k], label=method, linewidth=1.4)
            panel.fill_between(place, least, most, color=colours[k], alpha=0.12, linewidth=0)
        panel.set(xlabel=label, xscale="log" if axis == "seconds" else "linear")
        panel.grid(alpha=0.25)
    panels[0].set_ylabel("test accuracy")
    panels[-1].legend(frameon=False, fontsize=7, loc="lower right")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(argv: list[str] | None = None) -> None:
    """Print the table; write it and the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sweep", type=Path)
    parser.add_argument("--out", type=Path, default=None, help="folder for table and picture")
    parser.add_argument("--name", default="nets_baselines", help="of the two files")
    parser.add_argument("--data", default="", help="what the data are called in the caption")
    parser.add_argument("--accuracy", type=float, help="whose times are compared; all reach it")
    arguments = parser.parse_args(argv)
    groups = read_runs(arguments.sweep)
    accuracy = arguments.accuracy or common_accuracy(groups)
    lines = [caption(groups, arguments.data), "", *table(groups, accuracy)]
    print("\n".join(lines))
    if arguments.out is not None:
        (arguments.out / f"{arguments.name}.md").write_text("\n".join(lines) + "\n")
        picture(groups, arguments.out / f"{arguments.name}.png")


if __name__ == "__main__":
    main()
