"""Wall time spent outside the devices."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from hetengine.record.recorder import Recorder


@contextmanager
def phase(recorder: Recorder, name: str) -> Iterator[None]:
    """Account the time of a block.

    Parameters
    ----------
    recorder : Recorder
        Where to.
    name : str
        Under which name, for instance ``load``.
    """
    begun = time.perf_counter()
    yield
    recorder.phase(name, time.perf_counter() - begun)
