"""One run from a config to a result; linear models, nets and paths have modules of their own."""

from __future__ import annotations

from hetengine.config import RunConfig
from hetengine.engine import linear
from hetengine.families import trains_net
from hetengine.net_result import NetResult
from hetengine.record.recorder import Recorder
from hetengine.result import Result
from hetengine.tuning.result import PathResult


def run(config: RunConfig, recorder: Recorder) -> Result | NetResult | PathResult:
    """Train one model as configured.

    Parameters
    ----------
    config : RunConfig
        Everything the run depends on.
    recorder : Recorder
        Receives spans, rows, messages and phases.

    Returns
    -------
    Result or NetResult or PathResult
        Model or models, and history.

    Raises
    ------
    HetengineError
        With one message that says what is wrong and what to do.
    """
    if trains_net(config):
        from hetengine.engine import net

        return net.run(config, recorder)
    if config.cv is not None:
        from hetengine.tuning import cross_validation

        return cross_validation.run(config, recorder)
    if config.path is not None:
        from hetengine.tuning import path

        return path.run(config, recorder)
    return linear.run(config, recorder, interruptible=True)
