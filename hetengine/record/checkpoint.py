"""Checkpoints of the training of a net: one file, replaced whole, from which a run goes on.

A checkpoint holds arrays, numbers and the configuration as text; nothing in it is code.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from hetengine.config import RunConfig, as_dict
from hetengine.errors import DataError, UsageError
from hetengine.record.metrics import NET_COLUMNS, NetRow
from hetengine.record.saved_config import config_of
from hetengine.record.write import CHECKPOINT, atomic
from hetengine.solvers.local_sgd.state import State


@dataclass(frozen=True, slots=True)
class Counters:
    """What a run has used up when a checkpoint is written.

    Attributes
    ----------
    clock_seconds : float
        On the run's clock, evaluations included.
    wall_seconds : float
        On the wall.
    bytes_host_to_device, bytes_device_to_host : int
        Moved.
    """

    clock_seconds: float = 0.0
    wall_seconds: float = 0.0
    bytes_host_to_device: int = 0
    bytes_device_to_host: int = 0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A run that can go on.

    Attributes
    ----------
    config : dict
        What was run, as `hetengine.config.as_dict` has it.
    state : State
        Where it stands.
    rows : tuple of NetRow
        Its evaluations so far.
    messages : tuple of str
        What it has said so far.
    counters : Counters
        What it has used up.
    place : pathlib.Path or None
        Directory it was read from.
    """

    config: dict[str, Any]
    state: State
    rows: tuple[NetRow, ...]
    messages: tuple[str, ...]
    counters: Counters
    place: Path | None = None

    def settings(self, overrides: Sequence[str] = ()) -> RunConfig:
        """Return the configuration, with what is to be different now.

        Parameters
        ----------
        overrides : sequence of str
            ``key=value``; config groups cannot be exchanged.

        Raises
        ------
        UsageError
            If one is wrong, or changes what the state depends on.
        """
        return config_of(self.config, overrides)


def write_checkpoint(directory: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint; one that was there is replaced when the new one is complete.

    Parameters
    ----------
    directory : pathlib.Path
        Of the run; it exists.
    checkpoint : Checkpoint
        What to write.
    """
    arrays = {f"state.{name}": value for name, value in checkpoint.state.arrays().items()}
    for name in NET_COLUMNS:
        arrays[f"rows.{name}"] = np.array([getattr(row, name) for row in checkpoint.rows])
    for item in fields(Counters):
        arrays[f"counters.{item.name}"] = np.asarray(getattr(checkpoint.counters, item.name))
    arrays["messages"] = np.array(checkpoint.messages, dtype=str)
    arrays["config"] = np.array(json.dumps(checkpoint.config, default=str))
    path = directory / CHECKPOINT
    with atomic(path, binary=True) as stream:
        named: dict[str, Any] = arrays
        np.savez(stream, **named)
    return path


def read_checkpoint(directory: Path | str) -> Checkpoint:
    """Read the checkpoint of a run.

    Parameters
    ----------
    directory : path
        Of the run.

    Raises
    ------
    UsageError
        If there is none.
    DataError
        If the file is damaged, or another version has written it.
    """
    path = Path(directory) / CHECKPOINT
    if not path.is_file():
        raise UsageError(
            f"{directory} has no {CHECKPOINT}; a run of a net writes one with "
            "solver.checkpoint_epochs=1, or solver.checkpoint_seconds=60"
        )
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            arrays = dict(stored)
        return _assembled(arrays, path.parent)
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{path} is damaged or of another version ({type(error).__name__}: {error}); "
            "start the run anew"
        ) from error


def _assembled(arrays: dict[str, np.ndarray], place: Path) -> Checkpoint:
    def part(prefix: str) -> dict[str, np.ndarray]:
        head = f"{prefix}."
        return {k.removeprefix(head): v for k, v in arrays.items() if k.startswith(head)}

    columns = [part("rows")[name].tolist() for name in NET_COLUMNS]
    counters = {name: value.item() for name, value in part("counters").items()}
    return Checkpoint(
        config=json.loads(arrays["config"].item()),
        state=State.from_arrays(part("state")),
        rows=tuple(NetRow(*values) for values in zip(*columns, strict=True)),
        messages=tuple(arrays["messages"].tolist()),
        counters=Counters(**counters),
        place=place,
    )


def refuse_other(directory: Path) -> None:
    """Refuse to train into a directory that holds the checkpoint of another run.

    Raises
    ------
    UsageError
        Saying how that run goes on.
    """
    if (directory / CHECKPOINT).exists():
        raise UsageError(
            f"{directory} holds the checkpoint of a run; go on with: hetengine resume {directory}, "
            "or choose another hydra.run.dir"
        )


def checkpoint_of(
    config: RunConfig,
    state: State,
    rows: Sequence[NetRow],
    messages: Sequence[str],
    counters: Counters,
) -> Checkpoint:
    """Return a checkpoint of a run as it stands.

    Parameters
    ----------
    config : RunConfig
        What is run.
    state : State
        Between two rounds.
    rows, messages : sequence
        So far.
    counters : Counters
        So far.
    """
    return Checkpoint(as_dict(config), state, tuple(rows), tuple(messages), counters)
