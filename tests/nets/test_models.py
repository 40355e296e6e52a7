"""The models that come with hetengine, and how a config names them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hetengine.errors import UsageError
from hetengine.nets import Layer, Linear, Net, NetConfig
from hetengine.nets.factory import find_builder, make_model
from tests.nets.trainer import batch_for, trainer

CIFAR = (3, 32, 32)


def built(model: str, shape: tuple[int, ...] = CIFAR, width: float = 1.0) -> Net:
    net = make_model(NetConfig(model, width), shape, 10)
    assert isinstance(net, Net)
    return net


def one_layer(
    input_shape: tuple[int, ...], classes: int, width: float
) -> tuple[Layer, ...] | Net | int:
    """A user's function: layers, a model, or nonsense, by width."""
    layers = (Linear(classes),)
    if width == 2.0:
        return Net("made", layers, input_shape, classes)
    if width == 3.0:
        return Net("other", (Linear(2),), (7,), 2)
    return 1 if width == 4.0 else layers


def test_resnet20_is_the_one_of_the_paper() -> None:
    net = built("resnet20")
    shapes = [array.shape for array in named(net).values()]
    assert net.trainable_count == 272_474
    assert sum(len(shape) == 4 for shape in shapes) == 21
    assert sum(shape[2:] == (1, 1) for shape in shapes) == 2
    assert len(net.statistics.pieces) == 21
    assert sum(piece.size for piece in net.statistics.pieces) == 1589 - 21  # theirs have counters


def named(net: Net) -> dict[str, np.ndarray]:
    return net.named(*net.initial(np.random.default_rng(0), np.float64))


def test_initial_values() -> None:
    net = built("resnet20")
    arrays = named(net)
    conv = arrays["conv5.weight"]
    bound = np.sqrt(6 / (9 * (conv.shape[0] + conv.shape[1])))
    assert 0.98 * bound < np.abs(conv).max() <= bound
    assert abs(arrays["linear1.bias"]).max() <= 1 / 8
    gammas = [array for name, array in arrays.items() if name.endswith("gamma")]
    assert sum(not gamma.any() for gamma in gammas) == 9
    assert all((gamma == gamma[0]).all() and gamma[0] in (0, 1) for gamma in gammas)
    assert (arrays["norm1.running"] == [[0.0] * 16, [1.0] * 16]).all()


def test_initial_values_follow_the_seed_and_not_the_precision() -> None:
    net = built("cnn")
    single, _ = net.initial(np.random.default_rng(3), np.float32)
    double, _ = net.initial(np.random.default_rng(3), np.float64)
    other, _ = net.initial(np.random.default_rng(4), np.float64)
    assert (single == double.astype(np.float32)).all()
    assert (double != other).any()


def test_flat_vectors_are_aligned_and_padded_with_zeros() -> None:
    net = built("resnet20", width=0.3)
    flat, _ = net.initial(np.random.default_rng(0), np.float64)
    covered = np.zeros(flat.size, bool)
    for piece in net.parameters.pieces:
        assert piece.offset % 64 == 0
        covered[piece.offset : piece.offset + piece.size] = True
    assert covered.sum() == net.trainable_count < net.parameter_count == flat.size
    assert not flat[~covered].any()


def test_padding_stays_zero() -> None:
    net = built("cnn", (1, 8, 8), 0.3)
    with trainer(net, 4) as copy:
        copy.begin()
        copy.give(*batch_for(net, 4))
        for _ in range(3):
            copy.step(0.1, 0.9, 1e-2)
        flat = copy.placed.parameters.array.copy()
    for array in net.parameters.arrays(flat).values():
        assert array.any()
        array[...] = 0
    assert not flat.any()


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        *(("resnet20", shape) for shape in ((3, 32, 32), (1, 8, 8), (1, 28, 28), (3, 7, 5))),
        *(("cnn", shape) for shape in ((1, 8, 8), (1, 28, 28), (3, 7, 5))),
        *(("mlp", shape) for shape in ((64,), (1, 28, 28))),
        ("resnet32", (1, 8, 8)),
    ],
)
def test_models_learn_a_batch(model: str, shape: tuple[int, ...]) -> None:
    net = built(model, shape, 0.25)
    with trainer(net, 8, "float32", "float32") as copy:
        copy.begin(spread=0.0)
        copy.give(*batch_for(net, 8))
        first = copy.step(0.05, 0.9).mean()
        losses = [copy.step(0.05, 0.9).mean() for _ in range(40)]
    assert losses[-1] < 0.5 * first


def test_widths_scale_channels_and_names() -> None:
    assert NetConfig("resnet20", 0.5).name == "resnet20-x0.5"
    assert named(built("resnet20", width=0.5))["conv1.weight"].shape[0] == 8
    assert named(built("mlp", (5,), 0.001))["linear1.weight"].shape == (1, 5)


def test_a_function_of_ones_own() -> None:
    name = f"{__name__}:one_layer"
    assert find_builder(name) is not None
    net = make_model(NetConfig(name), (5,), 3)
    assert (net.name, net.trainable_count) == ("one_layer", 18)
    assert make_model(NetConfig(name, 2.0), (5,), 3).name == "made"


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        (lambda: NetConfig("rsnet32"), "did you mean 'resnet32'"),
        (lambda: NetConfig("cnn", 0.0), r"problem\.width=0\.0"),
        (lambda: NetConfig(":f"), "package.module:function"),
        (lambda: NetConfig("no_such_module:f"), "cannot import 'no_such_module'"),
        (lambda: NetConfig(f"{__name__}:one_layr"), "did you mean 'one_layer'"),
        (lambda: NetConfig(f"{__name__}:one_layer", 3.0), r"inputs of shape \(7,\)"),
        (lambda: NetConfig(f"{__name__}:one_layer", 4.0), "returned int"),
        (lambda: NetConfig("os:getcwd"), r"called as function\(input_shape, classes, width\)"),
        (lambda: NetConfig("resnet20"), "needs images and the data have 5 features"),
        (lambda: NetConfig("cnn"), "use problem=mlp"),
    ],
)
def test_configs_that_are_refused(config: Callable[[], NetConfig], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint) as caught:
        make_model(config(), (5,), 3)
    assert "\n" not in str(caught.value)
