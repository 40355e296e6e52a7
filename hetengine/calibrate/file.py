"""Calibrated topologies as files: written once, read with ``topology_file=PATH``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hetengine.errors import UsageError

if TYPE_CHECKING:
    from hetengine.config import TopologyConfig

_HEAD = """\
# Measured by hetengine calibrate; use it with topology_file={name}.
# kernels: history is one size class a line: flops bytes_read bytes_written items extent
# reuse_bytes seconds deviation samples; coefficients are seconds per byte, flop and item, scattered
# of bytes times the share of the data left out, beyond_N of bytes that were last used more than N
# bytes ago; dispatch: seconds between commands.
"""
_MOST_DETAIL = 200
"""Characters of what a parser has to say: of a file that is no topology, it may say all."""


def write_topology(path: Path, topology: TopologyConfig) -> None:
    """Write a topology file; entries that say nothing are left out.

    Parameters
    ----------
    path : pathlib.Path
        Where to.
    topology : TopologyConfig
        What to write.

    Raises
    ------
    UsageError
        If the file cannot be written.
    """
    from omegaconf import OmegaConf

    text = OmegaConf.to_yaml(OmegaConf.create(_plain(topology)))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_HEAD.format(name=path.name) + text, encoding="utf-8")
    except OSError as error:
        raise _unwritable(path, error) from error


def check_writable(path: Path) -> None:
    """Refuse a place where `write_topology` could not write, before minutes are spent measuring.

    Parameters
    ----------
    path : pathlib.Path
        Where to; an existing file stays as it is, a missing folder is made.

    Raises
    ------
    UsageError
        If a file could not be written there.
    """
    fresh = not path.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a", encoding="utf-8").close()
        if fresh:
            path.unlink()
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(
        f"cannot write the topology to {path} ({error.strerror}); choose a file that can be "
        "written, for instance with --out"
    )


def read_topology(path: Path) -> TopologyConfig:
    """Read a topology file.

    Parameters
    ----------
    path : pathlib.Path
        As `write_topology` or a user wrote it.

    Raises
    ------
    UsageError
        If there is no such file, it is no YAML, or a key or value is wrong.
    """
    from omegaconf import DictConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    from hetengine.config import TopologyConfig

    if not path.is_file():
        raise UsageError(
            f"topology_file={path} does not exist; run hetengine calibrate --out {path}"
        )
    try:
        values = OmegaConf.load(path)
        if not isinstance(values, DictConfig):
            raise UsageError(f"topology_file={path} holds no topology; see conf/topology")
        merged = OmegaConf.merge(OmegaConf.structured(TopologyConfig), values)
        found = OmegaConf.to_object(merged)
    except (YAMLError, OmegaConfBaseException) as error:
        detail = str(error).strip().splitlines()[0]
        cut = detail if len(detail) <= _MOST_DETAIL else f"{detail[:_MOST_DETAIL]}..."
        raise UsageError(f"topology_file={path}: {cut}") from error
    assert isinstance(found, TopologyConfig)
    found.build()
    return found


def _plain(value: Any) -> Any:
    """Turn dataclasses into mappings without fields that have their default value."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            each.name: _plain(getattr(value, each.name))
            for each in dataclasses.fields(value)
            if not _is_default(each, getattr(value, each.name))
        }
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _is_default(each: dataclasses.Field[Any], value: Any) -> bool:
    if each.default is not dataclasses.MISSING:
        return value == each.default
    if each.default_factory is not dataclasses.MISSING:
        return value == each.default_factory()
    return False
