"""The result directory: claimed before training, written once, never overwritten."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from platform import python_version
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from hetengine.config import RunConfig, as_dict, digest
from hetengine.errors import UsageError
from hetengine.record.metrics import write_metrics
from hetengine.record.recorder import Recorder
from hetengine.record.trace import write_trace
from hetengine.result import Result

if TYPE_CHECKING:
    from hetengine.net_result import NetResult
    from hetengine.tuning.result import PathResult

CHECKPOINT = "checkpoint.npz"
"""From what a run of a net can go on, written while it runs if asked for."""

FILES = ("config.yaml", "summary.json", "metrics.csv", "model.npz", "trace.json")
"""What a finished run leaves in its directory; a path has its own table."""

TABLES = ("metrics.csv", "path.csv")
"""Names a table of rows may have."""

PACKAGES = ("hetengine", "numpy", "scipy", "scikit-learn", "numba", "simpy", "hydra-core")
"""Packages whose versions stand in ``summary.json``."""


def claim(directory: Path | str) -> Path:
    """Make a directory for a run, before anything is computed.

    Parameters
    ----------
    directory : path
        Created with its parents if it does not exist.

    Returns
    -------
    pathlib.Path
        The same directory.

    Raises
    ------
    UsageError
        If it already holds a run or cannot be written to.
    """
    path = Path(directory)
    if found := held(path):
        raise UsageError(f"{path} already holds a run ({found}); choose another hydra.run.dir")
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise UsageError(
            f"cannot write to {path} ({error.strerror}); choose another hydra.run.dir"
        ) from error
    return path


def held(directory: Path | str) -> str:
    """Return the names of the run files a directory holds, separated by commas."""
    names = dict.fromkeys((*FILES, *TABLES))
    return ", ".join(name for name in names if (Path(directory) / name).exists())


def write_run(
    directory: Path | str,
    result: Result | NetResult | PathResult,
    recorder: Recorder,
    config: RunConfig,
) -> list[Path]:
    """Write all files of a run, the model first.

    Parameters
    ----------
    directory : path
        As claimed.
    result : Result or NetResult or PathResult
        What the engine returned.
    recorder : Recorder
        Its spans and rows.
    config : RunConfig
        What was run.

    Returns
    -------
    list of pathlib.Path
        The files written.

    Raises
    ------
    UsageError
        If another run has written to the directory meanwhile.
    OSError
        If the file system refuses; files already written stay.
    """
    path = claim(directory)
    writers: dict[str, Callable[[IO[Any]], None]] = {
        "model.npz": partial(_write_model, result=result),
        "summary.json": partial(_write_json, values=result.summary),
        result.table: partial(write_metrics, rows=result.metrics, columns=result.columns),
        "config.yaml": partial(_write_yaml, values=as_dict(config)),
        "trace.json": partial(
            write_trace,
            spans=recorder.spans,
            rows=result.metrics,
            about=_about(config),
            samples=recorder.samples,
        ),
    }
    for name, write in writers.items():
        with atomic(path / name, binary=name.endswith(".npz")) as stream:
            write(stream)
    return [path / (result.table if name in TABLES else name) for name in FILES]


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages a result depends on."""
    return {"python": python_version(), **{name: _installed(name) for name in PACKAGES}}


@cache
def _installed(name: str) -> str:
    """Return the version of a package; looked up once, as it takes longer than a small fit."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def strict(value: Any) -> Any:
    """Return a value as strict JSON can hold it: NaN and infinity become None, arrays lists.

    Examples
    --------
    >>> strict({"gap": float("nan"), "rounds": np.int64(3)})
    {'gap': None, 'rounds': 3}
    """
    if isinstance(value, Mapping):
        return {str(key): strict(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return strict(value.tolist())
    if isinstance(value, list | tuple):
        return [strict(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def _about(config: RunConfig) -> dict[str, Any]:
    """Return what identifies a trace without naming a date or a machine."""
    return {
        "clock": "wall" if config.mode.name == "execute" else "virtual",
        "config": digest(config),
        "mode": config.mode.name,
        "seed": config.seed,
    }


def _write_model(stream: IO[bytes], result: Result | NetResult | PathResult) -> None:
    arrays: dict[str, Any] = result.arrays()
    np.savez(stream, **arrays)


def _write_json(stream: IO[str], values: Mapping[str, Any]) -> None:
    json.dump(strict(values), stream, indent=2, allow_nan=False)
    stream.write("\n")


def _write_yaml(stream: IO[str], values: Mapping[str, Any]) -> None:
    from omegaconf import OmegaConf

    stream.write(OmegaConf.to_yaml(OmegaConf.create(dict(values))))


@contextmanager
def atomic(path: Path, *, binary: bool) -> Iterator[IO[Any]]:
    """Open a temporary neighbour that takes the name of ``path`` once it is complete.

    Parameters
    ----------
    path : pathlib.Path
        Replaced if it exists.
    binary : bool
        Bytes or text.
    """
    partial_path = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if binary:
            with partial_path.open("wb") as stream:
                yield stream
        else:
            with partial_path.open("w", encoding="utf-8", newline="") as stream:
                yield stream
        partial_path.replace(path)
    finally:
        partial_path.unlink(missing_ok=True)
