"""Ctrl-C while a model trains: the first one asks for an end at the next certificate."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from hetengine.record.recorder import Recorder

Asked = Callable[[], bool]


@contextmanager
def interruption(recorder: Recorder, wanted: bool) -> Iterator[Asked]:
    """Keep what is certified from a first Ctrl-C; a second one stops at once, as any does outside.

    Between two certificates no device holds a consistent model, so the first one is only noted.
    Before the first certificate there is nothing to keep, and Ctrl-C stops at once. Outside the
    main thread, and where a program handles or ignores the signal itself, nothing is changed.

    Parameters
    ----------
    recorder : Recorder
        Has a row once there is a certificate; hears of the request.
    wanted : bool
        Whether to change anything at all.

    Yields
    ------
    callable
        Says whether there has been a Ctrl-C, for `hetengine.solvers.outcome.StopRule`.
    """
    noted: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if noted or not recorder.rows:
            signal.default_int_handler(number, frame)
        noted.append(number)
        recorder.log("interrupted: ends at the next certificate; Ctrl-C again stops at once")

    main = threading.current_thread() is threading.main_thread()
    ours = wanted and main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(noted)
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
