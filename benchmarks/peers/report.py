"""Tables, a plot and JSON from the parts that have been measured."""

from __future__ import annotations

import json
import math
import os
import platform
from pathlib import Path
from typing import Any

from benchmarks.peers.problems import PROBLEMS
from benchmarks.peers.search import TOLERANCES

OWN = "hetengine"
_KEYS = tuple(f"{tol:g}" for tol in TOLERANCES)
_JUDGED = ("0.0001", "1e-06")


def read(cache: Path) -> list[dict[str, Any]]:
    """Return all parts, in the order of the problems.

    Parameters
    ----------
    cache : Path
        Folder of data and parts.
    """
    paths = [cache / f"part.{name}.{threads}.json" for name in PROBLEMS for threads in (1, 2)]
    return [json.loads(path.read_text()) for path in paths if path.exists()]


def best_peer(parts: list[dict[str, Any]], part: dict[str, Any], key: str) -> tuple[str, float]:
    """Return the fastest peer on a problem with at most as many threads, and its seconds."""
    candidates = [
        (row["times"][key], name)
        for other in parts
        if other["problem"] == part["problem"] and other["threads"] <= part["threads"]
        for name, row in other["rows"].items()
        if name != OWN and key in row["times"]
    ]
    seconds, name = min(candidates, default=(math.inf, "none measured"))
    return name, seconds


def _summary(parts: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| problem | threads | to | hetengine, ms | best peer, ms | peer | times ahead |",
        "|---|---:|---|---:|---:|---|---:|",
    ]
    for part in parts:
        for key in _JUDGED:
            own = part["rows"].get(OWN, {}).get("times", {}).get(key)
            name, seconds = best_peer(parts, part, key)
            ahead = f"{seconds / own:.2f}" if own is not None and math.isfinite(seconds) else "-"
            mine = "-" if own is None else f"{1e3 * own:.0f}"
            theirs = f"{1e3 * seconds:.0f}" if math.isfinite(seconds) else "-"
            lines.append(
                f"| {part['problem']} | {part['threads']} | {float(key):.0e} | {mine} "
                f"| {theirs} | {name} | {ahead} |"
            )
    return lines


def _scaling(parts: list[dict[str, Any]]) -> list[str]:
    lines = ["| problem | to 1e-4: 1 thread / 2 threads | to 1e-6 |", "|---|---:|---:|"]
    own = {
        (part["problem"], part["threads"]): part["rows"].get(OWN, {}).get("times", {})
        for part in parts
    }
    for name in PROBLEMS:
        one, two = own.get((name, 1), {}), own.get((name, 2), {})
        ratios = [f"{one[k] / two[k]:.2f}" if k in one and k in two else "-" for k in _JUDGED]
        if one and two:
            lines.append(f"| {name} | {ratios[0]} | {ratios[1]} |")
    return lines


def _details(part: dict[str, Any]) -> list[str]:
    rows = sorted(
        part["rows"].items(),
        key=lambda item: [item[1]["times"].get(key, float("inf")) for key in ("0.0001", *_KEYS)],
    )
    lines = [
        f"### {part['problem']}, {part['threads']} thread(s), {part['rounds']} round(s)",
        "",
        "| solver | version | data | " + " | ".join(_KEYS) + " | compile, s |",
        "|---|---|---|" + "---:|" * (len(_KEYS) + 1),
    ]
    for name, row in rows:
        cells = [f"{row['times'][key]:.3f}" if key in row["times"] else "-" for key in _KEYS]
        lines.append(
            f"| {name} | {row['version']} | {row['dtype']} | "
            + " | ".join(cells)
            + f" | {row['compile_seconds']:.1f} |"
        )
    return [*lines, ""]


def text(parts: list[dict[str, Any]]) -> str:
    """Lay the parts out in Markdown."""
    dates = sorted({part["date"] for part in parts})
    rounds = min(part["rounds"] for part in parts)
    lowest = min(part["lowest"] for part in parts)
    told = [
        "# Time to accuracy: hetengine and its peers",
        "",
        f"{', '.join(dates)}; {platform.processor() or platform.machine()}, {os.cpu_count()} "
        f"cores; Python {platform.python_version()}. Seconds of whole fits (ms in the first table) "
        "until the relative suboptimality, evaluated by the harness in float64, is reached; "
        f"medians of at least {rounds} interleaved round(s), each solver in its own process, "
        "compilation (last column) apart. A dash: not reached, or not within the seconds given to "
        "its search. The best peer is the fastest measured with at most as many threads. No "
        "solver came lower than the proven optimum by more than "
        f"{max(0.0, -lowest):.0e} of it. See benchmarks/README.md for the problems.",
        "",
        *_summary(parts),
        "",
        "## Two threads against one, hetengine",
        "",
        *_scaling(parts),
        "",
        "## Every solver, seconds",
        "",
    ]
    for part in parts:
        told += _details(part)
    return "\n".join(told)


def write(parts: list[dict[str, Any]], folder: Path) -> None:
    """Write peers.json, peers.md and, with Matplotlib, peers.png.

    Parameters
    ----------
    parts : list of dict
    folder : Path
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "peers.json").write_text(json.dumps(parts, indent=1) + "\n")
    (folder / "peers.md").write_text(text(parts))
    try:
        import matplotlib
    except ImportError:
        print("no plot: matplotlib is not installed", flush=True)
        return
    matplotlib.use("Agg")
    _plot(parts, folder / "peers.png")


def _plot(parts: list[dict[str, Any]], path: Path) -> None:
    from matplotlib import pyplot, ticker
    from matplotlib.lines import Line2D

    names = sorted({name for part in parts for name in part["rows"] if name != OWN})
    shades = pyplot.get_cmap("tab20")(range(20))
    styles = {
        name: {"color": shades[k % 20], "linestyle": "-" if k < 20 else ":", "linewidth": 1.2}
        for k, name in enumerate(names)
    }
    styles[OWN] = {"color": "black", "linestyle": "-", "linewidth": 2.5}
    high = max(1, -(-len(parts) // 4))
    figure, axes = pyplot.subplots(high, 4, figsize=(16, 3.2 * high), squeeze=False, sharey=True)
    for axis in axes.flat[len(parts) :]:
        axis.set_visible(False)
    for axis, part in zip(axes.flat, parts, strict=False):
        for name, row in part["rows"].items():
            reached = [(row["times"][key], float(key)) for key in _KEYS if key in row["times"]]
            if reached:
                axis.plot(*zip(*reached, strict=True), marker="o", markersize=3, **styles[name])
        axis.set(xscale="log", yscale="log", xlabel="seconds")
        axis.xaxis.set_major_locator(ticker.LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
        axis.xaxis.set_minor_formatter(ticker.NullFormatter())
        threads = "1 thread" if part["threads"] == 1 else f"{part['threads']} threads"
        axis.set_title(f"{part['problem']}, {threads}", fontsize=9)
    for row in axes:
        row[0].set_ylabel("relative suboptimality")
    handles = [Line2D([], [], label=name, **styles[name]) for name in (OWN, *names)]
    figure.legend(handles=handles, loc="upper center", ncol=7, fontsize=8)
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.28 / high))
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
