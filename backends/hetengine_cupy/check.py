"""``hetengine doctor`` for each GPU: does it open, compile, answer right and tell the time?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from hetengine.backend import Check
from hetengine.clock import WallClock
from hetengine.device import Device
from hetengine.errors import BackendUnavailable, HetengineError
from hetengine.span import Span
from hetengine.topology import DeviceSpec
from hetengine.work import Work
from hetengine_cupy.cuda import DRIVER, one_line

if TYPE_CHECKING:
    from hetengine_cupy.backend import CupyBackend

_ROWS, _LENGTH = 37, 101
_MICROSECONDS = 1e6
_REINSTALL = "pip install --force-reinstall 'hetengine[cuda]'"


def check_cards(backend: CupyBackend) -> Iterator[Check]:
    """Check every visible GPU.

    Parameters
    ----------
    backend : CupyBackend
        Opens them.

    Yields
    ------
    Check
        Two per GPU that opens: its answer and its clock.
    """
    try:
        cards = backend.devices()
    except (BackendUnavailable, RuntimeError) as error:
        yield Check("devices", False, one_line(error), DRIVER)
        return
    for card in cards:
        title = f"device {card.index}"
        try:
            yield from _check_card(backend, card.index, f"{title} {card.name}")
        except (HetengineError, RuntimeError) as error:
            yield Check(title, False, f"{card.name}: {one_line(error)}", _REINSTALL)


def _check_card(backend: CupyBackend, index: int, title: str) -> Iterator[Check]:
    spans: list[Span] = []
    clock = WallClock()
    device = backend.open(DeviceSpec("doctor", backend="cupy", index=index), clock, spans.append)
    try:
        begun = time.perf_counter()
        norms, expected = _square_norms(device, clock)
        seconds = time.perf_counter() - begun
        launch = float(device.facts["launch_seconds"]) * _MICROSECONDS
    finally:
        device.close()
    right = bool(np.allclose(norms, expected, rtol=1e-5))
    said = f"a kernel builds, runs and answers right; {launch:.1f} us a launch"
    wrong = f"a kernel runs and answers wrong: {norms[:3].tolist()}"
    yield Check(title, right, said if right else wrong, "" if right else _REINSTALL)
    durations = [span.end_seconds - span.start_seconds for span in spans]
    sane = all(0.0 <= each <= seconds for each in durations)
    told = f"{len(durations)} commands, {sum(durations) * _MICROSECONDS:.1f} us on the device"
    yield Check(f"device {index} event times", sane, told, "" if sane else DRIVER)


def _square_norms(device: Device, clock: WallClock) -> tuple[np.ndarray, np.ndarray]:
    """Send a matrix, measure its rows' norms there and here, and bring the answer back."""
    from hetengine_numpy import NumpyBackend

    host = NumpyBackend().open(DeviceSpec("host", "host"), clock, lambda span: None)
    try:
        kinds = {"values": np.float32, "ids": np.int64, "norms": np.float32}
        shapes = {"values": (_ROWS, _LENGTH), "ids": (_ROWS,), "norms": (_ROWS,)}
        here = {name: host.alloc(name, shapes[name], kind) for name, kind in kinds.items()}
        there = {name: device.alloc(name, shapes[name], kind) for name, kind in kinds.items()}
        here["values"].array[:] = np.random.default_rng(0).normal(size=(_ROWS, _LENGTH))
        here["ids"].array[:] = np.arange(_ROWS)
        sent = [device.copy(there[name], here[name]) for name in ("values", "ids")]
        kernel = device.load("dense_square_norms")
        args = (there["values"], there["ids"], there["norms"])
        run = device.launch(kernel, args, Work(items=_ROWS), after=sent)
        clock.run(device.copy(here["norms"], there["norms"], after=[run]))
        values = here["values"].array.astype(np.float64)
        return here["norms"].array.astype(np.float64), (values**2).sum(1)
    finally:
        host.close()
