"""A net of hetengine's own layers, with batch norm, on every kind of device."""

from __future__ import annotations

import numpy as np
import pytest

from hetengine.config import TopologyConfig
from hetengine.data.images.dataset import ImageData
from hetengine.incidents import Incident
from hetengine.nets.config import NetConfig
from hetengine.nets.factory import make_model
from hetengine.nets.model import Normalise
from hetengine.solvers.local_sgd.policies import AggregationConfig, EvaluationConfig, MomentumConfig
from tests.solvers.local_sgd.harness import Run, settings, topology, train, two_classes


@pytest.fixture(scope="module")
def images() -> ImageData:
    """Bright squares in one of four corners."""
    rng = np.random.default_rng(0)

    def part(count: int, test: ImageData | None) -> ImageData:
        labels = rng.integers(0, 4, count).astype(np.int32)
        pixels = rng.integers(0, 120, (count, 1, 8, 8), np.uint8)
        for image, label in zip(pixels, labels, strict=True):
            row, column = 4 * (label // 2), 4 * (label % 2)
            image[0, row : row + 4, column : column + 4] += 60
        return ImageData("corners", pixels, labels, 4, Normalise((0.3,), (0.2,), 1), True, test)

    return part(240, part(60, None))


def run(images: ImageData, mode: str, machine: TopologyConfig, rounds: int = 4) -> Run:
    config = settings(
        two_classes(1, 4, slow={"sampling": "hard"}),
        batch=8,
        epochs=100,
        epoch="pass",
        aggregation=AggregationConfig("fednova", "steps"),
        momentum=MomentumConfig(at_average="reset"),
        evaluation=EvaluationConfig(unit="round", every=4),
    )
    model = make_model(NetConfig("cnn", width=0.25), images.shape, images.classes)
    return train(config, mode, machine, images, model, rounds, dtype=np.float32)


def test_execution_simulation_and_hybrid_agree_bit_by_bit(images: ImageData) -> None:
    hybrid = topology()
    hybrid.devices["gpu0"].real = True
    simulated = run(images, "simulate", topology())
    for other in (run(images, "execute", topology()), run(images, "simulate", hybrid)):
        for name in ("parameters", "statistics"):
            expected = getattr(simulated.outcome, name)
            np.testing.assert_array_equal(getattr(other.outcome, name), expected, name)
        assert other.log.rows[-1].test_loss == simulated.log.rows[-1].test_loss


def test_a_net_is_learned_though_a_device_is_lost_for_a_while(images: ImageData) -> None:
    sound = run(images, "simulate", topology(1, 2), 12)
    assert sound.log.rows[-1].test_accuracy > 0.9
    whole = sound.log.rows[-1].seconds
    events = {"gpu1": [Incident("fail", 0.4 * whole, 0.6 * whole)]}
    hurt = run(images, "simulate", topology(1, 2, events), 12)
    assert hurt.log.messages[-1].endswith("gpu1 is back")
    assert min(len(found) for found in hurt.rounds) == 2
    assert len(hurt.rounds[-1]) == 3
    assert hurt.log.rows[-1].test_accuracy > 0.9
