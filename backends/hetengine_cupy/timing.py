"""Time by the device's own account: pairs of events around what a stream does."""

from __future__ import annotations

from typing import Any

from hetengine_cupy.card import Card

_MILLISECONDS = 1e-3


class Stopwatch:
    """Two events on one stream, used again and again by the one thread that drives it.

    A pair yields a duration. Its end is placed on the clock where the thread sees it, some
    microseconds late and alike on all streams; so no offset between two clocks can drift.

    Parameters
    ----------
    card : Card
        The GPU.
    stream : cupy.cuda.Stream
        What is timed.
    """

    def __init__(self, card: Card, stream: Any) -> None:
        self._cuda = card.cupy.cuda
        self._stream = stream
        with card.current():
            # Blocking events let the thread sleep: the host's kernels need every core.
            self._first = self._cuda.Event(block=True)
            self._last = self._cuda.Event(block=True)

    def start(self) -> None:
        """Mark the beginning in the stream."""
        self._first.record(self._stream)

    def end(self) -> None:
        """Mark the end in the stream; return without waiting."""
        self._last.record(self._stream)

    def wait(self) -> float:
        """Wait until the device has come by the end; return the seconds since the beginning."""
        self._last.synchronize()
        return self._cuda.get_elapsed_time(self._first, self._last) * _MILLISECONDS
