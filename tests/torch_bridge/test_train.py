# PyTorch is the user's choice and may be absent where types are checked.
# pyright: reportMissingImports=false
"""A PyTorch module trained by local SGD, on PyTorch's, NumPy's and simulated devices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import hetengine
from hetengine.data.images.config import ImageDataConfig
from hetengine.data.images.dataset import ImageData
from hetengine.data.images.load import load_images
from hetengine.errors import UsageError
from hetengine_torch import TorchModel, image_data_of_dataset

WORDS = ["solver.epochs=4", "solver.epoch=pass", "solver.batch=32", "solver/schedule=cosine"]
TWO = ["solver/workers=fast_slow", *WORDS]


def small() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 10),
    )


def digits() -> ImageData:
    data = load_images(ImageDataConfig())
    held = data.test
    assert held is not None
    parts = [
        TensorDataset(torch.from_numpy(part.images), torch.from_numpy(part.labels))
        for part in (data, held)
    ]
    return image_data_of_dataset(*parts, name="digits")


@pytest.mark.parametrize("topology", ["torch", "cpu"])
def test_a_module_learns_on_real_devices(topology: str) -> None:
    model = TorchModel(small, (1, 8, 8), 10)
    data = digits()
    result = hetengine.train(model, data, topology=topology, overrides=WORDS)
    assert result.test_accuracy > 0.9
    assert result.statistics.size == 32
    module, held = model.load(result.parameters, result.statistics), data.test
    assert held is not None
    mean, deviation = data.normalise.mean[0], data.normalise.std[0]
    pixels = (torch.from_numpy(held.images).float() / 255 - mean) / deviation
    with torch.no_grad():
        classes = module(pixels).argmax(1).numpy()
    assert np.mean(classes == held.labels) == pytest.approx(result.test_accuracy, abs=0.005)
    np.testing.assert_array_equal(result.predict(held.images), classes)


def test_real_and_simulated_workers_agree_to_the_bit() -> None:
    data = digits()
    real, simulated = (
        hetengine.train(
            TorchModel(small, (1, 8, 8), 10),
            data,
            topology="fast_slow",
            overrides=[*TWO, f"mode={mode}"],
        )
        for mode in ("execute", "simulate")
    )
    np.testing.assert_array_equal(real.parameters, simulated.parameters)
    assert simulated.test_accuracy > 0.9


MINE = """
from torch import nn
from hetengine_torch import TorchModel

def linear(input_shape, classes, width):
    flat = nn.Sequential(nn.Flatten(), nn.Linear(64, classes))
    return TorchModel(flat, input_shape, classes, name="flat")
"""


def test_the_command_line_takes_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_modules.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    words = ["problem=custom", "problem.model=my_modules:linear", "data=digits_images"]
    more = ["solver=local_sgd", "topology=torch", "progress=none"]
    result = hetengine.run([*words, *more, *WORDS])
    assert result.summary["problem"] == "flat"
    assert result.test_accuracy > 0.8


def test_hetengines_layers_do_not_run_on_torch_devices() -> None:
    words = ["problem=cnn", "data=digits_images", "solver=local_sgd", "topology=torch"]
    with pytest.raises(UsageError, match="trains PyTorch modules only and has no kernel"):
        hetengine.run([*words, "progress=none"])
