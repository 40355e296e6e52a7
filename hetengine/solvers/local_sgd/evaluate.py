"""Loss and accuracy on the test set, by one worker's device."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from hetengine.device import Event, HostFunction
from hetengine.solvers.local_sgd.replica import SLOTS, Process
from hetengine.solvers.local_sgd.samples import Samples
from hetengine.solvers.local_sgd.sampling import Share
from hetengine.solvers.local_sgd.work import vector_work
from hetengine.solvers.local_sgd.worker import Worker


@dataclass(frozen=True, slots=True)
class Score:
    """What a net does on the test set.

    Attributes
    ----------
    loss : float
        Mean cross-entropy; NaN where it was not computed.
    accuracy : float
        Share of the samples whose class has the largest logit.
    """

    loss: float = float("nan")
    accuracy: float = float("nan")


@dataclass(eq=False)
class _Tally:
    """Sums over the samples so far."""

    loss: float = 0.0
    hits: float = 0.0


def evaluate(worker: Worker, samples: Samples, parameters: Any, statistics: Any) -> Process:
    """Run the test set through the net in evaluation mode.

    A batch is gathered and copied while the one before is computed. What the worker had prepared
    for its next round is dropped, because its slots are needed.

    Parameters
    ----------
    worker : Worker
        Whose device computes.
    samples : Samples
        Test images.
    parameters, statistics : Buffer
        Vectors on the host.

    Returns
    -------
    Score
        The value of the process.

    Raises
    ------
    DeviceFailure
        If the device fails.
    """
    replica = worker.replica
    yield from worker.settle()
    placed, carrier = replica.placed, replica.carrier
    after = carrier.move(placed.parameters, parameters, category="evaluate")
    after += carrier.move(placed.statistics, statistics, category="evaluate")
    still = np.zeros((replica.batch, 3), np.int32)
    tally = _Tally()
    flying: deque[tuple[int, int, list[Event]]] = deque()
    for turn, first in enumerate(range(0, samples.count, replica.batch)):
        place = turn % SLOTS
        share = Share(np.arange(first, min(first + replica.batch, samples.count)))
        shifts = still if turn < SLOTS else None
        arrived = replica.send(place, samples, share, shifts, "evaluate")
        ran = replica.launch(placed.evaluate[place], [*arrived, *after], "evaluate")
        down = replica.losses(place, ran, "evaluate") + replica.hits(place, ran, "evaluate")
        flying.append((place, share.ids.size, down))
        if len(flying) == SLOTS:
            yield from _count(worker, tally, *flying.popleft())
    while flying:
        yield from _count(worker, tally, *flying.popleft())
    return Score(tally.loss / samples.count, tally.hits / samples.count)


def _count(worker: Worker, tally: _Tally, place: int, count: int, done: list[Event]) -> Process:
    """Add up a batch once it has come down."""
    replica = worker.replica
    yield replica.all(done)
    staging = replica.staging[place]

    def add(losses: np.ndarray, hits: np.ndarray) -> tuple[float, float]:
        return (
            float(losses[:count].sum(dtype=np.float64)),
            float(hits[:count].sum(dtype=np.float64)),
        )

    kernel = HostFunction("tally", add, nominal=(float("nan"), float("nan")))
    amount = vector_work(count, staging.losses.dtype.itemsize, 2, 0, "tally")
    loss, hits = yield replica.host.launch(
        kernel, (staging.losses, staging.hits), amount, category="evaluate"
    )
    tally.loss += loss
    tally.hits += hits
