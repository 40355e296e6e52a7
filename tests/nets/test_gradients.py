"""Gradients of every layer and of small nets against finite differences, in float64."""

from __future__ import annotations

import pytest

from hetengine.nets import (
    AveragePool,
    Conv,
    Flatten,
    Layer,
    Linear,
    MaxPool,
    Norm,
    Relu,
    Residual,
)
from hetengine.nets.models import cnn, mlp, resnet20
from tests.nets.trainer import batch_for, make, slope_error, trainer

TOLERANCE = 1e-5
END = (AveragePool(), Linear(4))
BLOCK = (Conv(6), Norm(), Relu(), Conv(6), Norm(zero=True))

LAYERS: dict[str, tuple[Layer, ...]] = {
    "conv 3x3": (Conv(5), Conv(3), *END),
    "conv 3x3 stride 2": (Conv(5), Conv(3, stride=2), *END),
    "conv 1x1": (Conv(5, kernel=1), Conv(3, kernel=1), *END),
    "conv 1x1 stride 2": (Conv(5), Conv(9, kernel=1, stride=2), *END),
    "bias": (Conv(5, bias=True), Conv(3, bias=True), *END),
    "bias and relu": (Conv(5, bias=True), Relu(), Conv(3, bias=True), Relu(), *END),
    "norm": (Conv(5), Norm(), Conv(3), Norm(), Relu(), *END),
    "norm after a bias": (Conv(5, bias=True), Norm(), Relu(), *END),
    "norm before a convolution": (Conv(5), Relu(), Norm(), Relu(), Conv(3), *END),
    "norm of the input": (Norm(), Conv(3), Relu(), *END),
    "norm of a norm": (Conv(5), Norm(), Norm(), Relu(), *END),
    "max pool": (Conv(5), Norm(), Relu(), MaxPool(2), Conv(3), *END),
    "max pool of 3": (Conv(5), MaxPool(3), *END),
    "flatten": (Conv(3), Relu(), Flatten(), Linear(4)),
    "linear": (Flatten(), Linear(9), Relu(), Linear(7, bias=False), Relu(), Linear(4)),
    "norm of features": (Flatten(), Linear(9), Norm(), Relu(), Linear(7), Norm(), Linear(4)),
    "norm of pooled features": (Conv(5), AveragePool(), Norm(), Linear(4)),
    "norm of flat inputs": (Flatten(), Norm(), Linear(4)),
    "norm at the end": (Flatten(), Linear(4), Norm()),
    "norm beside a residual": (
        Flatten(),
        Linear(6),
        Residual((Norm(), Linear(6), Relu()), (Norm(), Relu())),
        Norm(),
        Linear(4),
    ),
    "relu on pooled": (Conv(5), Norm(), AveragePool(), Relu(), Linear(4)),
    "residual": (Conv(6), Norm(), Relu(), Residual(BLOCK), Relu(), *END),
    "residual without relu": (Conv(6), Residual(BLOCK), Residual(BLOCK), *END),
    "projected residual": (
        Residual(
            (Conv(6, stride=2), Norm(), Relu(), Conv(6), Norm()),
            (Conv(6, kernel=1, stride=2), Norm()),
        ),
        Relu(),
        *END,
    ),
    "projected residual behind a layer": (
        Conv(5),
        Norm(),
        Relu(),
        Residual((Conv(6, stride=2), Norm()), (Conv(6, kernel=1, stride=2), Norm())),
        Relu(),
        *END,
    ),
    "biased shortcut": (Conv(4), Residual((Conv(6), Norm()), (Conv(6, bias=True),)), Relu(), *END),
    "pooled shortcut": (
        Conv(4),
        Relu(),
        Residual((Conv(4, stride=2), Norm()), (Conv(4), MaxPool(2))),
        *END,
    ),
    "sum of a value with itself": (Conv(4), Relu(), Residual((), ()), *END),
    "sum with a relu": (Conv(4), Norm(), Residual((Relu(),)), Conv(4), *END),
    "residual of residuals": (Conv(6), Residual((Residual(BLOCK), Relu(), Conv(6))), Relu(), *END),
    "residual on features": (
        Flatten(),
        Linear(8),
        Residual((Relu(), Linear(8))),
        Relu(),
        Linear(4),
    ),
    "features summed with themselves": (Flatten(), Linear(8), Residual(()), Linear(4)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_of_layers(name: str) -> None:
    assert slope_error(make(LAYERS[name], (2, 6, 6)), batch=5) < TOLERANCE


@pytest.mark.parametrize("shape", [(1, 7, 5), (3, 2, 9), (2, 3, 3)])
@pytest.mark.parametrize("batch", [3, 17])
def test_odd_sizes_and_batches(shape: tuple[int, int, int], batch: int) -> None:
    block = Residual(
        (Conv(9, stride=2), Norm(), Relu(), Conv(9), Norm()), (Conv(9, kernel=1, stride=2), Norm())
    )
    layers = (Conv(7), Norm(), Relu(), block, Relu(), Flatten(), Linear(4))
    assert slope_error(make(layers, shape), batch) < TOLERANCE


def test_gradients_of_small_models() -> None:
    for layers, shape in (
        (resnet20((1, 8, 8), 4, 0.25), (1, 8, 8)),
        (cnn((1, 8, 8), 4, 0.25), (1, 8, 8)),
        (mlp((10,), 4, 0.05), (10,)),
    ):
        assert slope_error(make(layers, shape), batch=6) < TOLERANCE


def test_weights_scale_what_each_sample_adds_to_the_gradient() -> None:
    net = make((Conv(5), Relu(), *END), (2, 6, 6))
    pixels, labels = batch_for(net, 4)
    with trainer(net, 4) as copy:
        copy.begin()
        copy.give(pixels, labels)
        singles, plain = [], copy.step()
        for k in range(4):
            copy.slot.weights.array[:] = [float(j == k) for j in range(4)]
            assert (copy.step() == plain).all()
            singles.append(copy.placed.gradients.array.copy())
        weights = [0.5, 0.0, 2.0, 1.25]
        copy.slot.weights.array[:] = weights
        assert (copy.step() == plain).all()
        expected = sum(w * g for w, g in zip(weights, singles, strict=True))
        assert abs(copy.placed.gradients.array - expected).max() < 1e-14
