"""Biased local SGD against its baselines: tables and a picture from a sweep over methods and seeds.

The sweep is one command, see `benchmarks/README.md`; then:

    python -m benchmarks.nets.table multirun/nets --data "CIFAR-10 (JPEG-derived)" \
        --out benchmarks/results

What has not finished is left out, and seeds are counted.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.nets.comparison import (
    Groups,
    accuracy_gain,
    common_accuracy,
    present,
    shared_end,
    speedup,
)
from benchmarks.nets.picture import picture
from benchmarks.nets.runs import Run, read_runs
from benchmarks.nets.sentences import points, verdicts


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


def factor(times: float) -> str:
    """Write how many times as fast a method is; ``-`` where that is unknown.

    Examples
    --------
    >>> factor(2.0), factor(math.inf), factor(math.nan)
    ('2.00', 'reached', '-')
    """
    if math.isnan(times):
        return "-"
    return f"{times:.2f}" if math.isfinite(times) else "reached"


def workers(run: Run) -> str:
    """Say who did what: for instance ``8 fast 32x16, 2 slow 1x16 hard`` (steps x batch)."""
    kinds: Counter[str] = Counter()
    for worker in run.summary["workers"]:
        sampling = "" if worker["sampling"] == "uniform" else f" {worker['sampling']}"
        scoring = "" if worker["role"] == "train" else " scoring"
        steps = f"{worker['tau']}x{worker['batch']}"
        kinds[f"{worker['class']} {steps}{sampling}{scoring}"] += 1
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items())


def markdown(head: list[str], rows: list[list[str]]) -> list[str]:
    """Lay a table out, numbers to the right."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows)]


def runs_table(groups: Groups) -> list[str]:
    """Return what was run, and how it ended."""
    head = ["method", "workers (steps x batch)", "seeds", "final accuracy, %", "seconds in all"]
    rows = []
    for name, group in groups.items():
        last = {key: [float(run.columns[key][-1]) for run in group] for key in group[0].columns}
        rows.append(
            [
                name,
                workers(group[0]),
                str(len(group)),
                spread([100 * value for value in last["test_accuracy"]], ".1f"),
                f"{np.mean(last['seconds']):.4g}",
                f"{np.mean(last['passes']):.2f}",
                f"{np.mean(last['paper_epoch']):.2f}",
            ]
        )
    return markdown([*head, "passes", "paper's epochs"], rows)


def times_table(groups: Groups, accuracy: float) -> list[str]:
    """Return times to equal accuracy, and how they compare."""
    others = present(groups)
    head = ["method", "seconds", "samples", *(f"times as fast as {name}" for name in others)]
    rows = [
        [
            name,
            spread([run.first(accuracy, "seconds") for run in group], ".3g"),
            spread([run.first(accuracy, "samples") for run in group], ",.0f"),
            *(factor(speedup(groups, name, other, accuracy)) for other in others),
        ]
        for name, group in groups.items()
    ]
    return markdown(head, rows)


def accuracies_table(groups: Groups, axis: str) -> list[str]:
    """Return accuracies where the shortest run of all ends, and how they compare."""
    others, place = present(groups), shared_end(groups, axis)
    head = ["method", "accuracy, %", *(f"minus {name}" for name in others)]
    rows = []
    for name, group in groups.items():
        own = spread([100 * run.accuracy_at(axis, place) for run in group], ".1f")
        gains = [
            "" if other == name else points(accuracy_gain(groups, name, other, axis, place))
            for other in others
        ]
        rows.append([name, own, *gains])
    return markdown(head, rows)


def caption(groups: Groups, data: str) -> str:
    """Say on what, by what and where the numbers were made."""
    summary = next(iter(groups.values()))[0].summary
    images = summary["data"]
    clock = "real seconds" if summary["mode"] == "execute" else "virtual seconds"
    epochs = "passes over the data" if summary["epoch"] == "pass" else "epochs of the paper's code"
    return (
        f"{summary['problem']} ({summary['parameters']:,} parameters) on {data or images['name']}: "
        f"{images['images']:,} training and {images['test_images']:,} test images; batch "
        f"{summary['batch']} per worker unless said otherwise; {summary['epochs']} {epochs}; "
        f"topology {summary['topology']}, {clock}, evaluations not counted. Mean and standard "
        "deviation over seeds."
    )


def page(groups: Groups, data: str, accuracy: float, image: str) -> str:
    """Return the result file."""
    goal, named = f"{100 * accuracy:.0f} %", f"![accuracy against time and samples]({image})"
    seconds, samples = (shared_end(groups, axis) for axis in ("seconds", "samples"))
    told = verdicts(groups, accuracy)
    lines = [
        "# Biased local SGD and its baselines",
        "",
        caption(groups, data),
        "",
        *([*told, ""] if told else []),
        "Differences are taken seed by seed; *not clear* is one that a t test over the seeds "
        "(95 %) does not tell from none.",
        "",
        *([named, ""] if image else []),
        "## The runs",
        "",
        *runs_table(groups),
        "",
        f"## At equal accuracy: the first evaluation at {goal} or above",
        "",
        *times_table(groups, accuracy),
        "",
        f"## At equal seconds: after {seconds:.3g}, when the first of all runs ends",
        "",
        *accuracies_table(groups, "seconds"),
        "",
        f"## At equal samples: after {samples:,.0f}",
        "",
        *accuracies_table(groups, "samples"),
    ]
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> None:
    """Print the page; write it and the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sweep", type=Path)
    parser.add_argument("--out", type=Path, default=None, help="folder for page and picture")
    parser.add_argument("--name", default="nets_baselines", help="of the two files")
    parser.add_argument("--data", default="", help="what the data are called in the caption")
    parser.add_argument("--accuracy", type=float, help="whose times are compared; all reach it")
    arguments = parser.parse_args(argv)
    groups = read_runs(arguments.sweep)
    accuracy = arguments.accuracy or common_accuracy(groups)
    image = "" if arguments.out is None else f"{arguments.name}.png"
    text = page(groups, arguments.data, accuracy, image)
    print(text)
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / f"{arguments.name}.md").write_text(text, encoding="utf-8")
        picture(groups, arguments.out / image, accuracy)


if __name__ == "__main__":
    main()
