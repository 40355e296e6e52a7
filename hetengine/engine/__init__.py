"""One run from a config to a result; linear models and nets each have a module of their own."""

from __future__ import annotations

from hetengine.config import RunConfig
from hetengine.engine import linear
from hetengine.families import trains_net
from hetengine.net_result import NetResult
from hetengine.record.recorder import Recorder
from hetengine.result import Result


def run(config: RunConfig, recorder: Recorder) -> Result | NetResult:
    """Train one model as configured.

    Parameters
    ----------
    config : RunConfig
        Everything the run depends on.
    recorder : Recorder
        Receives spans, rows, messages and phases.

    Returns
    -------
    Result or NetResult
        Model and history.

    Raises
    ------
    HetengineError
        With one message that says what is wrong and what to do.
    """
    if trains_net(config):
        from hetengine.engine import net

        return net.run(config, recorder)
    return linear.run(config, recorder)
