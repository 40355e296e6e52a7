"""Where every random number of a run comes from.

Each use has a stream of its own, found from the run's seed and from counts that are part of the
state. So a run that is resumed draws what it would have drawn, and no order of events, real or
simulated, changes a draw.
"""

from __future__ import annotations

import numpy as np

_INITIAL, _DEAL, _AUGMENT = range(3)


def _stream(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def initial(seed: int) -> np.random.Generator:
    """Return the source of the initial parameters."""
    return _stream(seed, _INITIAL)


def dealing(seed: int, period: int) -> np.random.Generator:
    """Return the source of which samples each worker gets in a period."""
    return _stream(seed, _DEAL, period)


def augmentation(seed: int, worker: int, batch: int) -> np.random.Generator:
    """Return the source of how one batch of one worker is moved and mirrored."""
    return _stream(seed, _AUGMENT, worker, batch)
