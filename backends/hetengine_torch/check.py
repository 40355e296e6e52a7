# PyTorch is the user's choice and may be absent where types are checked.
# pyright: reportMissingImports=false
"""``hetengine doctor`` for PyTorch: does each device open, train a step and answer right?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch

from hetengine.backend import Check, DeviceInfo
from hetengine.clock import WallClock
from hetengine.device import Device
from hetengine.errors import HetengineError
from hetengine.topology import DeviceSpec

if TYPE_CHECKING:
    from hetengine_torch.backend import TorchBackend

_REMEDY = 'pip install --force-reinstall "hetengine[torch]"'


def check_devices(backend: TorchBackend) -> Iterator[Check]:
    """Check the CPU and every visible GPU.

    Parameters
    ----------
    backend : TorchBackend
        Opens them.

    Yields
    ------
    Check
        One for the import, and one per device.
    """
    yield Check("import", True, f"torch {torch.__version__}")
    for info in backend.devices():
        kind = "cpu" if info.name == "cpu" else "cuda"
        title = "device cpu" if kind == "cpu" else f"device {info.index} {info.name}"
        try:
            wrong = _answer(backend, info, kind)
        except (HetengineError, RuntimeError) as error:
            yield Check(title, False, " ".join(str(error).split()), _REMEDY)
            continue
        said = f"wrong answer {wrong}" if wrong else "a module trains and answers right"
        yield Check(title, not wrong, said, _REMEDY if wrong else "")


def _answer(backend: TorchBackend, info: DeviceInfo, kind: str) -> str:
    """Train one step of a linear net whose answer is known; return what is wrong, if anything."""
    clock = WallClock()
    threads = torch.get_num_threads()
    spec = DeviceSpec(
        "doctor", "accelerator", "torch", info.index, threads, options={"device": kind}
    )
    device = backend.open(spec, clock, lambda span: None)
    try:
        found = _step(device, clock)
    finally:
        device.close()
    return "" if np.isclose(found, np.log(2.0), rtol=1e-5) else f"{found}"


def _step(device: Device, clock: WallClock) -> float:
    """Return the loss of logits that are all 0 for two classes."""
    from hetengine.nets.model import Normalise
    from hetengine_numpy import NumpyBackend
    from hetengine_torch.model import TorchModel

    host = NumpyBackend().open(DeviceSpec("host", "host"), clock, lambda span: None)
    model = TorchModel(torch.nn.Linear(3, 2), (3,), 2)
    placed = model.place(device, 4, np.float32, np.float32, Normalise())
    try:
        program = placed.train[0]
        ran = device.launch(program, program.buffers, program.work)
        losses = host.alloc("losses", 4, np.float32)
        clock.run(device.copy(losses, placed.slots[0].losses, after=[ran]))
        return float(losses.array.mean())
    finally:
        placed.free()
        host.close()
