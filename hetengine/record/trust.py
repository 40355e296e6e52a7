"""How far the times of a run can be trusted."""

from __future__ import annotations

from typing import Any

from hetengine.calibrate.status import judge
from hetengine.config import RunConfig


def trust(config: RunConfig) -> dict[str, Any]:
    """Return what ``summary.json`` says of a simulated run's topology; nothing of a real run.

    Parameters
    ----------
    config : RunConfig
        What was run.
    """
    if config.mode.name == "execute":
        return {}
    status, detail = judge(config.topology.calibration)
    return {"calibration": {"status": status, "detail": detail}}
