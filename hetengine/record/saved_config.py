"""The configuration of a net's run read back from where the run has written it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hetengine.config import RunConfig, TopologyConfig, run_config, schema
from hetengine.data.images.config import ImageDataConfig
from hetengine.errors import UsageError
from hetengine.explain import explain
from hetengine.nets.config import NetConfig
from hetengine.solvers.local_sgd.config import LocalSgdConfig

_PARTS = {
    "problem": NetConfig,
    "data": ImageDataConfig,
    "topology": TopologyConfig,
    "solver": LocalSgdConfig,
}
_FIXED = ("problem", "data", "seed", "precision")
"""What a saved state depends on; the arrays' shapes alone would not show a change."""


def config_of(values: Mapping[str, Any], overrides: Sequence[str] = ()) -> RunConfig:
    """Return a config from nested dictionaries, checked as one from the command line.

    Parameters
    ----------
    values : mapping
        As `hetengine.config.as_dict` returns them. The topology is the one that was run on, also
        where it came from a file.
    overrides : sequence of str
        ``key=value``.

    Raises
    ------
    UsageError
        If a key or a value is wrong, or a key may not change.
    """
    from omegaconf import DictConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    _refuse(overrides)
    try:
        config = schema()
        for key, kind in _PARTS.items():
            node = OmegaConf.structured(kind)
            # Frozen dataclasses arrive as read-only nodes.
            OmegaConf.set_readonly(node, None)
            config[key] = node
        changes = OmegaConf.from_dotlist(list(overrides))
        merged = OmegaConf.merge(config, {**values, "topology_file": None}, changes)
        assert isinstance(merged, DictConfig)
        return run_config(merged, overrides)
    except OmegaConfBaseException as error:
        raise UsageError(explain(error)) from error


def _refuse(overrides: Sequence[str]) -> None:
    for word in overrides:
        key, equals, _ = word.partition("=")
        group = key.partition(".")[0]
        if not equals or key in _PARTS or "/" in key or key.startswith(("+", "~")):
            raise UsageError(
                f"{word}: a run that goes on takes key=value only, for instance max_rounds=100 or "
                "solver.schedule.learning_rate=0.01; config groups stay as they were"
            )
        if group in _FIXED:
            raise UsageError(f"{word}: a run that goes on keeps its {group}; start a new one")
