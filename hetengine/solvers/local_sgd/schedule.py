"""The learning rate of a round."""

from __future__ import annotations

import math

from hetengine.solvers.local_sgd.epochs import Position
from hetengine.solvers.local_sgd.policies import ScheduleConfig


def learning_rate(config: ScheduleConfig, position: Position, epochs: int) -> float:
    """Return the learning rate of the round at a position.

    Parameters
    ----------
    config : ScheduleConfig
        Kind and constants.
    position : Position
        Of the round.
    epochs : int
        Length of the run.

    Notes
    -----
    During the warm-up the factor is that of the round's end, so that the first round already moves.
    The released code steps its schedule before the first epoch, so that milestone m takes effect in
    epoch m - 1 (counted from 0): ``early``.

    Examples
    --------
    >>> config = ScheduleConfig(milestones=[60], early=True)
    >>> [round(learning_rate(config, Position(e, e, e + 1), 100), 3) for e in (58, 59)]
    [0.1, 0.01]
    """
    warmth = 1.0
    if config.warmup_epochs > 0.0:
        warmth = min(1.0, position.end / config.warmup_epochs)
    return warmth * _cooled(config, position, epochs)


def _cooled(config: ScheduleConfig, position: Position, epochs: int) -> float:
    rate = config.learning_rate
    if config.name == "multistep":
        epoch = position.epoch + config.early
        return rate * config.gamma ** sum(epoch >= milestone for milestone in config.milestones)
    if config.name == "cosine":
        length = max(epochs - config.warmup_epochs, 1e-9)
        done = min(max(position.start - config.warmup_epochs, 0.0) / length, 1.0)
        return config.least + (rate - config.least) * 0.5 * (1.0 + math.cos(math.pi * done))
    return rate
