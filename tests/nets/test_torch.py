"""ResNet20 against PyTorch in float64: losses, gradients, steps, running statistics, evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hetengine.nets import Linear, NetConfig, Norm, Relu
from hetengine.nets.factory import make_model
from hetengine.nets.net import Net
from tests.nets.trainer import Trainer, batch_for, make, trainer

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed")


def twin(copy: Trainer, width: float) -> Any:
    """Return PyTorch's net with the same parameters."""
    from benchmarks.nets.torch_resnet import ResNet20

    widths = (round(16 * width), round(32 * width), round(64 * width))
    net = ResNet20(copy.net.input_shape[0], widths, copy.net.classes).double()
    ours = copy.net.parameters.arrays(copy.placed.parameters.array)
    for tensor, array in zip(net.parameters(), ours.values(), strict=True):
        tensor.data.copy_(torch.from_numpy(array))
    return net


def close(ours: np.ndarray, tensor: Any) -> None:
    theirs = tensor.detach().numpy()
    assert np.abs(ours - theirs).max() <= 1e-11 * max(np.abs(theirs).max(), 1e-3)


def arrays_close(ours: dict[str, np.ndarray], tensors: Any) -> None:
    for array, tensor in zip(ours.values(), tensors, strict=True):
        close(array, tensor)


def test_a_norm_of_features_is_that_of_pytorch() -> None:
    nn, net = torch.nn, make((Linear(9), Norm(), Relu(), Linear(4)), (5,))
    other = nn.Sequential(nn.Linear(5, 9), nn.BatchNorm1d(9), nn.ReLU(), nn.Linear(9, 4)).double()
    pixels, labels = batch_for(net, 19)
    x, target = torch.from_numpy(pixels), torch.from_numpy(labels)
    with trainer(net, 19) as copy:
        copy.begin()
        copy.give(pixels, labels)
        ours = net.parameters.arrays(copy.placed.parameters.array)
        for tensor, array in zip(other.parameters(), ours.values(), strict=True):
            tensor.data.copy_(torch.from_numpy(array))
        losses = torch.nn.functional.cross_entropy(other(x), target, reduction="none")
        losses.mean().backward()
        close(copy.step(), losses)
        arrays_close(copy.gradients, [p.grad for p in other.parameters()])
        (running,) = net.statistics.arrays(copy.placed.statistics.array).values()
        close(running[0], other[1].running_mean)
        close(running[1], other[1].running_var)
        copy.evaluate()
        close(copy.placed.logits.array.reshape(19, 4), other.eval()(x))


@pytest.mark.parametrize(
    ("shape", "batch", "width"),
    [((3, 32, 32), 4, 1.0), ((1, 8, 8), 18, 0.5), ((2, 13, 9), 5, 0.25)],
)
def test_resnet20_trains_as_in_pytorch(
    shape: tuple[int, int, int], batch: int, width: float
) -> None:
    net = make_model(NetConfig("resnet20", width), shape, 10)
    assert isinstance(net, Net)
    pixels, labels = batch_for(net, batch)
    x, target = torch.from_numpy(pixels), torch.from_numpy(labels)
    with trainer(net, batch) as copy:
        copy.begin()
        copy.give(pixels, labels)
        other = twin(copy, width)
        sgd = torch.optim.SGD(other.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)
        for _ in range(3):
            sgd.zero_grad()
            losses = torch.nn.functional.cross_entropy(other(x), target, reduction="none")
            losses.mean().backward()
            close(copy.step(0.05, 0.9, 1e-3), losses)
            arrays_close(copy.gradients, [p.grad for p in other.parameters()])
            sgd.step()
            flat = copy.placed.parameters.array
            arrays_close(net.parameters.arrays(flat), other.parameters())
        norms = [m for m in other.modules() if isinstance(m, torch.nn.BatchNorm2d)]
        running = net.statistics.arrays(copy.placed.statistics.array)
        for array, norm in zip(running.values(), norms, strict=True):
            close(array[0], norm.running_mean)
            close(array[1], norm.running_var)
        other.eval()
        with torch.no_grad():
            logits = other(x)
        found, hits = copy.evaluate()
        close(found, torch.nn.functional.cross_entropy(logits, target, reduction="none"))
        assert (hits == (logits.argmax(1) == target).numpy()).all()
