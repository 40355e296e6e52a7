"""Nets that cannot be are refused when they are built, with one message."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hetengine.errors import UsageError
from hetengine.nets import (
    AveragePool,
    Conv,
    Flatten,
    Layer,
    Linear,
    MaxPool,
    Net,
    Norm,
    Normalise,
    Relu,
    Residual,
)
from hetengine.registry import backend
from hetengine.testing import opened_lab
from hetengine.topology import DeviceSpec
from tests.nets.trainer import make, trainer

IMAGE = (3, 4, 4)


@pytest.mark.parametrize(
    ("layers", "shape", "complaint"),
    [
        ((Linear(4),), IMAGE, "needs features and gets images"),
        ((Flatten(), Conv(3)), IMAGE, r"needs images and gets 48 features"),
        ((Linear(3), MaxPool()), (5,), "needs images and gets 3 features"),
        ((AveragePool(), Linear(3)), IMAGE, r"end it with Linear\(4\)"),
        ((Conv(4),), IMAGE, r"ends with shape \(4, 4, 4\)"),
        ((AveragePool(),), (4, 2, 2), "no parameters"),
        ((MaxPool(5), Flatten(), Linear(4)), IMAGE, "4 x 4 pixels; use a smaller window"),
        ((Conv(2, stride=2),) * 3, IMAGE, "1 x 1 pixels; stride 2 needs at least 2"),
        ((Residual((Conv(5),)),), IMAGE, r"branch .* shape \(5, 4, 4\) and its shortcut"),
        ((Linear(4),), (0,), r"input shape \(0,\)"),
        ((Linear(4),), (2, 2), r"input shape \(2, 2\)"),
    ],
)
def test_layers_that_do_not_fit(
    layers: tuple[Layer, ...], shape: tuple[int, ...], complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint) as caught:
        make(layers, shape)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("build", "complaint"),
    [
        (lambda: Conv(0), "at least 1 channel"),
        (lambda: Conv(3, kernel=5), "kernel must be one of"),
        (lambda: Conv(3, stride=3), "stride one of"),
        (lambda: Linear(0), "at least 1 feature"),
        (lambda: MaxPool(0), "at least 1 pixel"),
        (lambda: Norm(epsilon=0.0), "epsilon must be greater than 0"),
        (lambda: Residual((Conv,)), "is no layer"),  # type: ignore[arg-type]
        (lambda: make(Linear(4), (4,)), "a sequence of layers, not Linear"),  # type: ignore[arg-type]
        (lambda: Normalise((1.0,), (0.0,)), "greater than 0"),
        (lambda: Normalise((1.0, 2.0), (1.0,)), "one of each per channel"),
        (lambda: Normalise(pad=-1), "at least 0"),
    ],
)
def test_values_that_are_not_allowed(build: Callable[[], object], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        build()


def place(net: Net, **changes: object) -> None:
    given: dict[str, object] = {
        "batch": 2,
        "dtype": np.float32,
        "pixel_dtype": np.uint8,
        "normalise": Normalise(),
        "slots": 1,
    }
    with opened_lab(DeviceSpec("card", backend="numpy"), backend("numpy").open) as lab:
        net.place(lab.device, **(given | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"dtype": np.float16}, "cannot compute in float16"),
        ({"pixel_dtype": np.int64}, "pixels of int64"),
        ({"batch": 0}, "must both be at least 1"),
        ({"slots": 0}, "must both be at least 1"),
        ({"normalise": Normalise((0.0, 0.0), (1.0, 1.0))}, "2 means for an input"),
    ],
)
def test_placements_that_are_refused(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        place(make((Conv(2), AveragePool(), Linear(4)), IMAGE), **changes)


def test_a_norm_of_one_value_has_no_variance() -> None:
    with pytest.raises(UsageError, match="use a batch of at least 2"):
        place(make((Norm(), Flatten(), Linear(4)), (3, 1, 1)), batch=1)


def test_a_net_that_does_not_fit_leaves_nothing_behind() -> None:
    net = make((Conv(8), Relu(), AveragePool(), Linear(4)), IMAGE)
    with opened_lab(
        DeviceSpec("card", backend="numpy", capacity_bytes=30_000), backend("numpy").open
    ) as lab:
        with pytest.raises(UsageError, match="card"):
            net.place(lab.device, 64, np.float32, np.uint8, Normalise())
        assert not lab.device.memory.held


def test_a_freed_net_leaves_nothing_behind() -> None:
    net = make((Conv(8), Norm(), Relu(), AveragePool(), Linear(4)), IMAGE)
    with trainer(net, 4) as copy:
        copy.begin()
        copy.step()
        copy.placed.free()
        assert not copy.placed.device.memory.held


def test_a_shared_input_is_split_once() -> None:
    block = Residual((Conv(4, stride=2), Norm()), (Conv(4, kernel=1, stride=2), Norm()))
    net = make((Conv(4), Relu(), block, AveragePool(), Linear(4)), IMAGE)
    with trainer(net, 4) as copy:
        names = [step[0].name for step in copy.placed.train[0].steps]
    assert names.count("net_split") == names.count("net_merge") == 1
