"""What a run computes, against plain NumPy fed the same samples; and in both modes."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from hetengine.data.images.augment import draw_shifts
from hetengine.data.images.dataset import ImageData
from hetengine.solvers.local_sgd import seeds
from hetengine.solvers.local_sgd.config import LocalSgdConfig, WorkerClassConfig
from hetengine.solvers.local_sgd.policies import (
    AggregationConfig,
    MomentumConfig,
    SamplingConfig,
    ScheduleConfig,
    TauConfig,
)
from tests.solvers.local_sgd.harness import Run, make_images, settings, topology, train, two_classes
from tests.solvers.local_sgd.tiny import STATISTIC_RATE, TinyNet, forward, gradient, inputs

NET = TinyNet()


def batch_inputs(data: ImageData, ids: np.ndarray, shifts: np.ndarray | None) -> np.ndarray:
    still = np.zeros((ids.size, 3), np.int32)
    return inputs(data.images[ids], still if shifts is None else shifts, data.normalise)


def one_step(p, v, s, x, labels, rate, momentum: MomentumConfig, weights=None) -> float:
    """SGD as the model defines it; return the mean loss."""
    weights = np.ones(labels.size) if weights is None else weights
    losses, _, softmax = forward(p, x, labels, NET.classes)
    g = gradient(softmax, x, labels, weights)
    s += STATISTIC_RATE * (x.mean(axis=0) - s)
    v[:] = momentum.momentum * v + g + momentum.weight_decay * p
    p -= rate * v
    return float(losses.mean())


def amounts(config: LocalSgdConfig, run: Run, found: list) -> np.ndarray:
    """Weights p_k of the workers, and of the anchors as the last one."""
    members = run.solver.crew.members
    raw = {
        "uniform": [1.0 for _ in found],
        "steps": [each.steps for each in found],
        "samples": [each.ids.size for each in found],
    }[config.aggregation.weights]
    own = [members[each.index].weight for each in found]
    all_of_them = np.array([*np.multiply(raw, own), config.aggregation.anchors])
    return all_of_them / all_of_them.sum()


def fednova_norm(tau: int, config: MomentumConfig) -> float:
    rho = config.momentum
    if config.at_average != "reset":
        return tau
    return sum((1.0 - rho**j) / (1.0 - rho) for j in range(1, tau + 1))


def replay(run: Run, data: ImageData, augment: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Do what the run did, in its plainest form."""
    config, members = run.solver.config, run.solver.crew.members
    rate, momentum = config.schedule.learning_rate, config.momentum
    w, statistics = NET.initial(seeds.initial(0), np.float64)
    kept = {member.index: np.zeros_like(w) for member in members}
    count, mean = dict.fromkeys(kept, 0), np.zeros_like(w)
    for found in run.rounds:
        ends = []
        for each in found:
            size, k = members[each.index].batch, each.index
            p, s = w.copy(), statistics.copy()
            v = np.zeros_like(w) if momentum.at_average == "reset" else kept[k].copy()
            for first in range(0, each.ids.size, size):
                ids = each.ids[first : first + size]
                shifts = None
                if augment:
                    shifts = draw_shifts(seeds.augmentation(0, k, count[k]), size, 1, True)
                count[k] += 1
                x = batch_inputs(data, ids, shifts)
                one_step(p, v, s, x, data.labels[ids], rate, momentum)
            ends.append((p, s, v))
            kept[k] = v
        share = amounts(config, run, found)
        if config.aggregation.name == "fednova":
            norms = [fednova_norm(each.steps, momentum) for each in found]
            effective = np.dot(share[:-1], norms)
            w = w + effective * sum(
                q * (end[0] - w) / a for q, end, a in zip(share, ends, norms, strict=False)
            )
        else:
            w = share[-1] * w + sum(q * end[0] for q, end in zip(share, ends, strict=False))
        statistics = share[-1] * statistics + sum(
            q * end[1] for q, end in zip(share, ends, strict=False)
        )
        if momentum.at_average == "average":
            mean = share[-1] * mean + sum(q * end[2] for q, end in zip(share, ends, strict=False))
            kept = {k: mean.copy() for k in kept}
    return w, statistics


AGGREGATIONS = [
    AggregationConfig(),
    AggregationConfig(anchors=2),
    AggregationConfig(weights="steps"),
    AggregationConfig(weights="samples"),
    AggregationConfig("fednova"),
    AggregationConfig("fednova", "steps"),
]


@pytest.mark.parametrize("at_average", ["keep", "reset", "average"])
@pytest.mark.parametrize("aggregation", AGGREGATIONS, ids=str)
def test_every_rule_is_what_plain_numpy_makes_of_it(
    aggregation: AggregationConfig, at_average: str
) -> None:
    data = make_images(120)
    config = settings(
        two_classes(2, 5, slow={"batch": 3, "weight": 2.0}),
        aggregation=aggregation,
        momentum=MomentumConfig(0.8, 1e-3, at_average),
        epoch="pass",
        schedule=ScheduleConfig("constant", 0.05),
    )
    run = train(config, data=data, machine=topology(1, 2), max_rounds=5)
    w, statistics = replay(run, data)
    np.testing.assert_allclose(run.outcome.parameters, w, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(run.outcome.statistics, statistics, rtol=1e-12, atol=1e-12)
    assert len(run.rounds) == 5


def test_images_are_moved_and_mirrored_from_streams_of_their_own() -> None:
    data = make_images(120, augment=True)
    run = train(settings(), data=data, max_rounds=6)
    w, _ = replay(run, data, augment=True)
    np.testing.assert_allclose(run.outcome.parameters, w, rtol=1e-12, atol=1e-12)
    still = train(settings(), data=make_images(120), max_rounds=6)
    assert not np.allclose(run.outcome.parameters, still.outcome.parameters)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_one_step_each_is_synchronous_sgd_with_one_large_batch(workers: int) -> None:
    """Averaging is linear, and so is SGD with momentum and weight decay."""
    data = make_images()
    config = settings({"all": WorkerClassConfig(tau=1)}, momentum=MomentumConfig(0.9, 1e-3))
    run = train(config, data=data, machine=topology(0, workers), max_rounds=50)
    w, statistics = NET.initial(seeds.initial(0), np.float64)
    v = np.zeros_like(w)
    for found in run.rounds:
        ids = np.concatenate([each.ids for each in found])
        assert ids.size == 4 * workers
        x = batch_inputs(data, ids, None)
        one_step(w, v, statistics, x, data.labels[ids], 0.1, config.momentum)
    assert len(run.rounds) == min(50, 2 * (240 // (4 * workers)))
    np.testing.assert_allclose(run.outcome.parameters, w, rtol=0, atol=1e-12)
    np.testing.assert_allclose(run.outcome.statistics, statistics, rtol=0, atol=1e-12)


def test_unequal_batches_weighted_by_samples_are_synchronous_sgd() -> None:
    data = make_images()
    workers = two_classes(1, 1, slow={"batch": 2}, fast={"batch": 9})
    run = train(settings(workers, aggregation=AggregationConfig(weights="samples")), data=data)
    w, statistics = NET.initial(seeds.initial(0), np.float64)
    v = np.zeros_like(w)
    for found in run.rounds:
        ids = np.concatenate([each.ids for each in found])
        x = batch_inputs(data, ids, None)
        one_step(w, v, statistics, x, data.labels[ids], 0.1, run.solver.config.momentum)
    assert len(run.rounds) == 2 * (240 // 11)
    np.testing.assert_allclose(run.outcome.parameters, w, rtol=0, atol=1e-12)


def test_anchors_are_lookahead() -> None:
    """With n_s workers that do nothing: w + n_f / (n_f + n_s) times the mean change."""
    data = make_images(120)
    workers = {"fast": WorkerClassConfig(tau=3)}
    run = train(
        settings(workers, aggregation=AggregationConfig(anchors=1)),
        data=data,
        machine=topology(0, 2),
        max_rounds=1,
    )
    w, s = NET.initial(seeds.initial(0), np.float64)
    ends = []
    for each in run.rounds[0]:
        p, v = w.copy(), np.zeros_like(w)
        for ids in each.ids.reshape(-1, 4):
            x = batch_inputs(data, ids, None)
            one_step(p, v, s.copy(), x, data.labels[ids], 0.1, run.solver.config.momentum)
        ends.append(p)
    expected = w + 2 / 3 * (np.mean(ends, axis=0) - w)
    np.testing.assert_allclose(run.outcome.parameters, expected, rtol=0, atol=1e-13)


def test_weights_of_samples_reach_the_gradient() -> None:
    """Drawn in proportion to loss and corrected by 1/(D p): each step uses the share's weights."""
    data = make_images(60)
    workers = {"all": WorkerClassConfig(["gpu0"], tau=2, sampling="proportional")}
    sampling = SamplingConfig(correction=True, period_rounds=1)
    kept: list[Any] = []

    def watch(solver: Any) -> None:
        feed = solver.crew.workers[0].feed
        original = feed.deal
        feed.deal = lambda share: (kept.append(share), original(share))

    run = train(
        settings(workers, sampling=sampling),
        data=data,
        machine=topology(0, 1),
        max_rounds=4,
        watch=watch,
    )
    w, s = NET.initial(seeds.initial(0), np.float64)
    v = np.zeros_like(w)
    assert len(kept) == 4
    for share in kept:
        for first in (0, 4):
            ids, weights = share.ids[first : first + 4], share.weights[first : first + 4]
            x = batch_inputs(data, ids, None)
            momentum = run.solver.config.momentum
            one_step(w, v, s, x, data.labels[ids], 0.1, momentum, weights)
    assert np.ptp(kept[-1].weights) > 0.1
    np.testing.assert_allclose(run.outcome.parameters, w, rtol=0, atol=1e-12)


SAME_IN_BOTH_MODES = {
    "released": {
        "workers": two_classes(1, 4, slow={"sampling": "hard"}),
        "sampling": SamplingConfig(overlap=True, merge="minimum"),
        "schedule": ScheduleConfig(milestones=[1], early=True),
    },
    "fixed": {
        "workers": two_classes(1, 4, slow={"sampling": "hard"}),
        "aggregation": AggregationConfig("fednova"),
        "momentum": MomentumConfig(at_average="reset"),
    },
    "proportional": {
        "workers": two_classes(2, 3, fast={"sampling": "proportional"}),
        "sampling": SamplingConfig(correction=True),
        "momentum": MomentumConfig(at_average="average"),
        "tau": TauConfig(sync_rounds=2),
    },
    "scoring": {
        "workers": two_classes(2, 3, slow={"role": "score"}, fast={"sampling": "hard"}),
        "schedule": ScheduleConfig("cosine", warmup_epochs=1.0),
        "sampling": SamplingConfig(period_rounds=2),
    },
}


@pytest.mark.parametrize("name", SAME_IN_BOTH_MODES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_execution_and_simulation_agree_bit_by_bit(name: str, dtype: Any) -> None:
    config = settings(**SAME_IN_BOTH_MODES[name])
    data = make_images(augment=True)
    real, simulated = (
        train(config, mode, topology(1, 2), data, dtype=dtype) for mode in ("execute", "simulate")
    )
    assert real.outcome.status == simulated.outcome.status == "finished"
    expected = simulated.outcome.state.arrays()
    for key, array in real.outcome.state.arrays().items():
        if key not in ("seconds", "speeds"):
            np.testing.assert_array_equal(array, expected[key], key)
    timeless = [dataclasses.replace(row, seconds=0.0) for row in real.log.rows]
    assert str(timeless) == str([dataclasses.replace(r, seconds=0.0) for r in simulated.log.rows])
    assert real.outcome.parameters.dtype == dtype


def test_the_same_seed_gives_the_same_run_and_another_seed_another_one() -> None:
    first, again, other = (train(settings(), seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.outcome.parameters, again.outcome.parameters)
    assert [vars_of(s) for s in first.spans] == [vars_of(s) for s in again.spans]
    assert not np.array_equal(first.outcome.parameters, other.outcome.parameters)


def vars_of(span: Any) -> tuple[Any, ...]:
    return dataclasses.astuple(span)
