"""Accuracy against seconds, samples and the paper's epochs, as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.nets.comparison import Groups, shared_end
from benchmarks.nets.runs import AXES, mean_curve

STYLES: dict[str, tuple[str, str, float]] = {
    "sync_all": ("#000000", "--", 1.6),
    "sync_fast": ("#0072B2", "--", 1.6),
    "local_fast": ("#009E73", "--", 1.6),
    "anchor": ("#CC79A7", "--", 1.6),
    "biased_released": ("#E69F00", "-", 2.2),
    "biased_fixed": ("#D55E00", "-", 2.2),
}
"""Colour, dashes and width of what the text speaks of; told apart by colour-blind readers too."""

_OTHERS = ("-", ":", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)), (0, (6, 3)), (0, (3, 1, 1, 1)))


def picture(groups: Groups, path: Path, accuracy: float) -> None:
    """Plot mean, least and largest accuracy over seeds.

    Parameters
    ----------
    groups : dict of str to list of Run
        From `benchmarks.nets.runs.read_runs`.
    path : pathlib.Path
        Of the PNG.
    accuracy : float
        Drawn as a line: the accuracy whose times are compared.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, len(AXES), figsize=(5.0 * len(AXES), 5.4), sharey=True)
    for panel, (axis, label) in zip(panels, AXES.items(), strict=True):
        _curves(panel, groups, axis)
        panel.axhline(accuracy, color="0.35", linewidth=0.8, zorder=1)
        if axis != "paper_epoch":
            panel.axvline(shared_end(groups, axis), color="0.35", linewidth=0.8, zorder=1)
        panel.set(xlabel=label, xscale="log" if axis == "seconds" else "linear")
        panel.grid(alpha=0.2)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("test accuracy")
    handles, labels = panels[0].get_legend_handles_labels()
    columns = -(-len(labels) // 2)
    figure.legend(handles, labels, loc="lower center", ncols=columns, frameon=False, fontsize=9)
    figure.tight_layout(rect=(0, 0.11, 1, 1))
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _curves(panel: Any, groups: Groups, axis: str) -> None:
    others = [name for name in groups if name not in STYLES]
    for name, group in groups.items():
        place, mean, (least, most) = mean_curve(group, axis)
        # A logarithmic axis has no zero; the first evaluation comes before the first step.
        shown = np.isfinite(place) & ((place > 0) | (axis != "seconds"))
        if name in STYLES:
            colour, dashes, width = STYLES[name]
        else:
            colour, dashes, width = "0.6", _OTHERS[others.index(name) % len(_OTHERS)], 1.1
        order = 3 if name in STYLES else 2
        drawn = {"color": colour, "linestyle": dashes, "linewidth": width, "zorder": order}
        panel.plot(place[shown], mean[shown], label=name, **drawn)
        if name in STYLES:
            band = {"color": colour, "alpha": 0.12, "linewidth": 0}
            panel.fill_between(place[shown], least[shown], most[shown], **band)
