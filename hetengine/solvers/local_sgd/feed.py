"""The stream of batches of one worker: its share of a period, taken in order."""

from __future__ import annotations

import numpy as np

from hetengine.solvers.local_sgd.sampling import Share


class Feed:
    """A share and how far it has been taken.

    Parameters
    ----------
    batch : int
        Samples per step.

    Attributes
    ----------
    share : Share
        What was dealt to the worker last.
    taken : int
        Samples of it that were trained on, counted over all laps.
    batches : int
        Batches taken over the whole run; with the worker's index this seeds how they are augmented.
    """

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.share = Share(np.empty(0, np.int64))
        self.taken = 0
        self.batches = 0

    def deal(self, share: Share) -> None:
        """Go on with another share; it has at least one batch."""
        self.share = share
        self.taken = 0

    @property
    def spent(self) -> bool:
        """Whether the whole share has been taken; after that it is taken again."""
        return self.taken + self.batch > self.share.ids.size

    def peek(self) -> Share:
        """Return the next batch."""
        ids = self.share.ids
        places = np.arange(self.taken, self.taken + self.batch) % ids.size
        weights = self.share.weights
        return Share(ids[places], None if weights is None else weights[places])

    def take(self) -> None:
        """Count the next batch as trained on."""
        self.taken += self.batch
        self.batches += 1
