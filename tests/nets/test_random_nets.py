"""Any composition of layers: its gradient is right, whatever the order and the sizes."""

from __future__ import annotations

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from hetengine.errors import UsageError
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
from tests.nets.trainer import make, slope_error

CONV = st.builds(
    Conv, st.integers(1, 9), st.sampled_from([1, 3]), st.sampled_from([1, 2]), st.booleans()
)
SIMPLE = st.one_of(CONV, st.builds(Norm), st.builds(Relu), st.builds(MaxPool, st.just(2)))


@st.composite
def residuals(draw: st.DrawFn) -> Residual:
    """A branch, and a shortcut that ends with the same shape."""
    channels, stride = draw(st.integers(1, 9)), draw(st.sampled_from([1, 2]))
    middle = draw(st.lists(st.one_of(st.builds(Norm), st.builds(Relu)), max_size=2))
    end = draw(st.lists(st.one_of(st.builds(Norm), st.builds(Relu)), max_size=1))
    branch = (Conv(5, stride=stride), *middle, Conv(channels), *end)
    tail = draw(st.lists(st.one_of(st.builds(Norm), st.builds(Relu)), max_size=1))
    return Residual(branch, (Conv(channels, kernel=1, stride=stride), *tail))


@st.composite
def nets(draw: st.DrawFn) -> tuple[Layer, ...]:
    """Layers on images, then a way to features, then layers on these."""
    body = draw(st.lists(st.one_of(SIMPLE, residuals()), min_size=1, max_size=6))
    bridge = draw(st.sampled_from([AveragePool(), Flatten()]))
    hidden = draw(st.sampled_from([(), (Linear(5),), (Linear(5), Relu()), (Relu(),)]))
    return (*body, bridge, *hidden, Linear(3))


@settings(
    max_examples=40,
    derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much],
)
@given(nets(), st.integers(1, 3), st.integers(2, 7), st.integers(2, 7), st.integers(2, 18))
def test_any_net_has_the_right_gradient(
    layers: tuple[Layer, ...], channels: int, height: int, width: int, batch: int
) -> None:
    try:
        net = make(layers, (channels, height, width), classes=3)
    except UsageError:
        assume(False)
        return
    # A norm over a handful of values is ill-conditioned, and a unit may sit at its kink.
    assume(all(min(op.z.shape[1:], default=9) > 1 for op in net.graph.operations))
    assert min(slope_error(net, batch, seed) for seed in (0, 1)) < 1e-4
