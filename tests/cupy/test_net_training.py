"""A net on a pretended GPU: every program as a graph, and the numbers of the NumPy backend."""

from __future__ import annotations

import pytest

from hetengine.nets import Net
from hetengine.registry import backend
from hetengine.testing import opened_lab
from hetengine.topology import DeviceSpec
from hetengine_cupy import CupyBackend
from tests.cupy.fake_machine import Machine
from tests.kernels.net_training import flat_net, relative, small_resnet, trained

pytest.importorskip("pyopencl", reason="the pretended GPU runs kernels of nets with OpenCL")


@pytest.mark.parametrize(
    ("net", "batch"), [(small_resnet(8, 0.3), 3), (small_resnet(8, 0.3), 20), (flat_net(), 20)]
)
def test_a_net_takes_the_steps_it_takes_on_numpy(machine: Machine, net: Net, batch: int) -> None:
    with opened_lab(DeviceSpec("card", backend="numpy"), backend("numpy").open) as lab:
        right = trained(lab, net, batch, 3, "float64")
    with opened_lab(DeviceSpec("card", backend="cupy", index=1), CupyBackend().open) as lab:
        found = trained(lab, net, batch, 3, "float64")
        held = lab.device.memory.held
    assert relative(found.parameters, right.parameters) < 1e-10
    assert relative(found.statistics, right.statistics) < 1e-10
    assert relative(found.losses, right.losses) < 1e-10
    assert (found.hits == right.hits).all()
    assert relative(found.logits, right.logits) < 1e-9
    assert set(held) == {"kernel scratch", "kernel workspace"}
    assert machine.launched.count("net_sgd") == 3
