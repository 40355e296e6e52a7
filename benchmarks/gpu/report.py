"""Tables for people, JSON for the record: never over an older result."""

from __future__ import annotations

import json
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

_GIGA = 1e9


def lines(found: dict[str, Any]) -> list[str]:
    """Lay out what was measured in Markdown."""
    facts = found["device"]
    told = [
        f"{facts['device']} ({facts['architecture']}), "
        f"{1e6 * facts['launch_seconds']:.1f} us to hand over a launch",
        "",
        "| on the GPU | GB/s | of copy |",
        "|---|---:|---:|",
    ]
    for row in found["bandwidth"]:
        rate = row["bytes_per_second"] / _GIGA
        told.append(f"| {row['what']} | {rate:,.0f} | {100 * row['of_copy']:.0f} % |")
    overlap = found["overlap"]
    told += [
        "",
        f"Pinned copies up: {overlap['copy_bytes_per_second'] / _GIGA:.1f} GB/s. Copies "
        f"{overlap['copy_seconds']:.4f} s, kernels {overlap['compute_seconds']:.4f} s, both "
        f"{overlap['both_seconds']:.4f} s: {100 * overlap['hidden']:.0f} % hidden.",
    ]
    told += ["", *_nets(found["nets"])]
    for case in found["training"]:
        told += ["", *_training(case)]
    return told


def _nets(rows: list[dict[str, Any]]) -> list[str]:
    told = [
        "| ResNet20, batch | step on the GPU, ms | images/s | PyTorch, images/s | ratio |",
        "|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        other, own = row["torch_images_per_second"], row["images_per_second"]
        beside = "not installed | " if other is None else f"{other:,.0f} | {own / other:.2f}"
        told.append(
            f"| {row['batch']} | {1e3 * row['device_seconds']:.3f} | {own:,.0f} | {beside} |"
        )
    return told


def _training(case: dict[str, Any]) -> list[str]:
    head = (
        f"{case['problem']}, {case['rows']:,} x {case['columns']:,} float32 "
        f"({case['nbytes'] / _GIGA:.1f} GB), lambda {case['lam']:.3g}, GPU capped at "
        f"{100 * case['memory_fraction']:.0f} % of the data (not for `all`), to a relative gap of "
        f"{case['tol']:g}:"
    )
    told = [
        head,
        "",
        "| selection | status | seconds | times gap | rounds | GB sent | solving s | copying s |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in case["runs"]:
        times = f"{'> ' if row['at_least'] else ''}{row['times_gap']:.1f}"
        told.append(
            f"| {row['policy']} | {row['status']} | {row['seconds']:.2f} | {times} "
            f"| {row['rounds']:,} | {row['bytes_host_to_device'] / _GIGA:,.1f} "
            f"| {row['solve_seconds']:.2f} | {row['copy_seconds']:.2f} |"
        )
    return told


def stamp() -> dict[str, str]:
    """When and with what."""
    names = ("hetengine", "numpy", "numba", "cupy-cuda13x", "nvidia-cuda-nvrtc", "torch")
    versions: dict[str, str] = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        **versions,
    }


def write(directory: Path, found: dict[str, Any]) -> Path:
    """Write a JSON file named after device and moment, and return its path."""
    directory.mkdir(parents=True, exist_ok=True)
    moment = found["stamp"]["date"].replace(":", "").replace("+0000", "Z")
    name = str(found["device"]["device"]).lower().replace(" ", "_")
    path = directory / f"gpu_{name}_{moment}.json"
    with path.open("x") as stream:
        json.dump(found, stream, indent=2)
        stream.write("\n")
    return path
