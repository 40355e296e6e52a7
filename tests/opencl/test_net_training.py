"""ResNet20 on OpenCL and on NumPy: the same nets after the same steps."""

from __future__ import annotations

import pytest

from hetengine.device import Device
from hetengine.nets import Net
from hetengine.registry import backend
from hetengine.testing import Lab, opened_lab
from hetengine.topology import DeviceSpec
from tests.kernels.net_training import Trained, flat_net, relative, small_resnet, trained


def run(
    name: str, net: Net, batch: int, steps: int, real: str = "float32", threads: int = 1
) -> Trained:
    with opened_lab(DeviceSpec("card", backend=name, threads=threads), backend(name).open) as lab:
        return trained(lab, net, batch, steps, real)


def test_resnet20_agrees_with_numpy_after_twenty_steps() -> None:
    """At a learning rate of 0.02 on images that can be told apart, where they come to 1e-7.

    With random labels and a rate of 0.1 they are 9e-4 apart by then, in float32.
    """
    right, found = (run(name, small_resnet(), 16, 20) for name in ("numpy", "opencl"))
    assert relative(found.parameters, right.parameters) < 1e-4
    assert relative(found.statistics, right.statistics) < 1e-4
    assert relative(found.losses, right.losses) < 1e-3
    assert found.losses[-5:].mean() < found.losses[:5].mean()  # and it has learnt something
    assert relative(found.parameters, found.initial) > 0.01


@pytest.mark.parametrize(("batch", "threads"), [(3, 1), (33, 2)])
def test_odd_batches_agree_in_double_precision(batch: int, threads: int) -> None:
    net = small_resnet(size=9, width=0.3)
    right = run("numpy", net, batch, 5, "float64")
    found = run("opencl", net, batch, 5, "float64", threads)
    assert relative(found.parameters, right.parameters) < 1e-10
    assert relative(found.statistics, right.statistics) < 1e-10
    assert relative(found.losses, right.losses) < 1e-9
    assert (found.hits == right.hits).all()
    assert relative(found.logits, right.logits) < 1e-9


def test_norms_of_features_agree_in_double_precision() -> None:
    right, found = (run(name, flat_net(), 21, 5, "float64") for name in ("numpy", "opencl"))
    assert relative(found.parameters, right.parameters) < 1e-10
    assert relative(found.statistics, right.statistics) < 1e-10
    assert relative(found.logits, right.logits) < 1e-9


def test_a_net_gives_its_memory_back_and_can_be_placed_again() -> None:
    net = small_resnet(size=8, width=0.25)
    with opened_lab(DeviceSpec("card", backend="opencl"), backend("opencl").open) as lab:
        first = trained(lab, net, 8, 2, "float32")
        held = used(lab)
        assert set(held) == {"kernel scratch", "kernel workspace"}
        again = trained(lab, net, 8, 2, "float32")
        assert used(lab) == held
        assert relative(again.parameters, first.parameters) == 0.0


def used(lab: Lab) -> dict[str, int]:
    device: Device = lab.device
    return device.memory.held
