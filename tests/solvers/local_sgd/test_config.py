"""Settings out of range are refused with the key, the value and what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hetengine.errors import UsageError
from hetengine.solvers.local_sgd.classes import members_of, pace_setters
from hetengine.solvers.local_sgd.config import LocalSgdConfig, WorkerClassConfig
from hetengine.solvers.local_sgd.policies import (
    AggregationConfig,
    EvaluationConfig,
    FailureConfig,
    MomentumConfig,
    SamplingConfig,
    ScheduleConfig,
    TauConfig,
)
from hetengine.topology import DeviceSpec
from tests.solvers.local_sgd.harness import make_images, settings, train
from tests.solvers.local_sgd.tiny import TinyNet

REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: TauConfig("measure"), "solver.tau.name='measure'; did you mean 'measured'?"),
    (lambda: TauConfig(every=0), "solver.tau.every=0 must be finite and at least 1"),
    (lambda: TauConfig(sync_rounds=-1), "solver.tau.sync_rounds=-1"),
    (lambda: SamplingConfig(rho=0.5), "solver.sampling.rho=0.5 must be finite and at least 1"),
    (lambda: SamplingConfig(rho=float("nan")), "solver.sampling.rho=nan"),
    (lambda: SamplingConfig(merge="min"), "solver.sampling.merge='min'; did you mean 'minimum'?"),
    (lambda: SamplingConfig(floor=0.0), "solver.sampling.floor=0.0 must be above 0"),
    (lambda: SamplingConfig(period_rounds=0), "solver.sampling.period_rounds=0"),
    (lambda: AggregationConfig("fedavg"), "solver.aggregation.name='fedavg'; "),
    (lambda: AggregationConfig(weights="sample"), "did you mean 'samples'?"),
    (lambda: AggregationConfig("fednova", anchors=1), "solver.aggregation.anchors=1 makes no"),
    (lambda: AggregationConfig(weights="steps", anchors=2), "solver.aggregation.anchors=2"),
    (lambda: ScheduleConfig("cos"), "solver.schedule.name='cos'; did you mean 'cosine'?"),
    (lambda: ScheduleConfig(learning_rate=0.0), "learning_rate=0.0 must be finite and greater"),
    (lambda: ScheduleConfig(milestones=[0, 3]), "solver.schedule.milestones=[0, 3]"),
    (lambda: MomentumConfig(1.0), "solver.momentum.momentum=1.0 must be at least 0 and below 1"),
    (lambda: MomentumConfig(at_average="drop"), "solver.momentum.at_average='drop'"),
    (lambda: FailureConfig("ignore"), "solver.failure.action='ignore'"),
    (lambda: FailureConfig(deadline_factor=0.5), "solver.failure.deadline_factor=0.5"),
    (lambda: EvaluationConfig(0), "solver.evaluation.every=0"),
    (lambda: EvaluationConfig(unit="rounds"), "did you mean 'round'?"),
    (lambda: LocalSgdConfig(batch=0), "solver.batch=0 must be finite and at least 1"),
    (lambda: LocalSgdConfig(epoch="papers"), "solver.epoch='papers'; did you mean 'paper'?"),
    (lambda: LocalSgdConfig(target_accuracy=95.0), "solver.target_accuracy=95.0 must be above 0"),
    (lambda: one_class(tau=0), "solver.workers.fast.tau=0 must be finite and at least 1"),
    (lambda: one_class(batch=0), "solver.workers.fast.batch=0"),
    (lambda: one_class(weight=0.0), "solver.workers.fast.weight=0.0 must be finite and greater"),
    (lambda: one_class(sampling="biased"), "solver.workers.fast.sampling='biased'"),
    (lambda: one_class(role="trains"), "did you mean 'train'?"),
    (lambda: one_class(devices=[]), "solver.workers.fast.devices=[] names nobody"),
    (lambda: one_class(role="score", sampling="hard"), "does not go with role=score"),
    (lambda: one_class(role="score"), "solver.workers=['fast'] only score"),
]


def one_class(**settings: Any) -> LocalSgdConfig:
    return LocalSgdConfig(workers={"fast": WorkerClassConfig(**settings)})


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_cannot_be_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        make()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_part_fits_omegaconf() -> None:
    from omegaconf import OmegaConf

    node = OmegaConf.structured(LocalSgdConfig)
    node = OmegaConf.merge(node, {"workers": {"slow": {"devices": ["cpu*"], "tau": 2}}})
    config: Any = OmegaConf.to_object(node)
    assert isinstance(config, LocalSgdConfig)
    assert config.workers == {"slow": WorkerClassConfig(["cpu*"], tau=2)}
    assert config.tau == TauConfig()


def specs(*names: str, backend: str = "numpy") -> list[DeviceSpec]:
    return [DeviceSpec(name, backend=backend) for name in names]


def placed(config: LocalSgdConfig, accelerators: list[DeviceSpec]) -> dict[str, list[str]]:
    members = members_of(config, "host", accelerators)
    assert [member.index for member in members] == list(range(len(members)))
    return {
        name: [member.device for member in members if member.group == name]
        for name in config.classes
    }


NAMES = ("gpu0", "cpu0", "gpu1", "gpu10", "cpu1")


def test_no_classes_are_one_class_of_all_accelerators() -> None:
    assert placed(LocalSgdConfig(), specs(*NAMES)) == {"all": list(NAMES)}


def test_names_come_before_patterns_and_earlier_patterns_before_later() -> None:
    workers = {
        "rest": WorkerClassConfig(["gpu?", "cpu*"]),
        "special": WorkerClassConfig(["cpu1", "gpu1*"]),
        "host": WorkerClassConfig(["host"]),
    }
    assert placed(LocalSgdConfig(workers=workers), specs(*NAMES)) == {
        "rest": ["gpu0", "cpu0", "gpu1"],
        "special": ["gpu10", "cpu1"],
        "host": ["host"],
    }


def test_patterns_may_ask_for_a_backend() -> None:
    workers = {
        "cuda": WorkerClassConfig(["*"], backend="cupy"),
        "other": WorkerClassConfig(["*"]),
    }
    mixed = [*specs("a"), *specs("b", "c", backend="cupy")]
    assert placed(LocalSgdConfig(workers=workers), mixed) == {"cuda": ["b", "c"], "other": ["a"]}


@pytest.mark.parametrize(
    ("workers", "message"),
    [
        ({"a": WorkerClassConfig(["gpu7"])}, "names 'gpu7'; did you mean 'gpu1'?"),
        (
            {"a": WorkerClassConfig(["gpu0"]), "b": WorkerClassConfig(["gpu0"])},
            "names 'gpu0', which class a names too",
        ),
        ({"a": WorkerClassConfig(["fpga*"])}, "finds no device left for it"),
        ({"a": WorkerClassConfig(), "b": WorkerClassConfig()}, "solver.workers.b.devices=['*']"),
    ],
)
def test_classes_that_do_not_come_out_are_refused(workers: dict, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        members_of(LocalSgdConfig(workers=workers), "host", specs(*NAMES))
    assert message in str(caught.value)


def test_the_class_with_the_largest_tau_that_trains_sets_the_pace() -> None:
    workers = {
        "score": WorkerClassConfig(["cpu0"], tau=99, role="score"),
        "slow": WorkerClassConfig(["cpu*"], tau=2),
        "fast": WorkerClassConfig(["gpu*"], tau=8),
        "also": WorkerClassConfig(["host"], tau=8),
    }
    members = members_of(LocalSgdConfig(workers=workers), "host", specs(*NAMES))
    assert [member.device for member in pace_setters(members)] == ["gpu0", "gpu1", "gpu10"]


@pytest.mark.parametrize(
    ("changes", "data", "message"),
    [
        ({"batch": 30}, make_images(140), "a round takes 150 samples"),
        ({"batch": 31}, make_images(), "floor(240 / 248) = 0 rounds"),
        ({"target_accuracy": 0.5}, make_images(tests=0), "solver.target_accuracy=0.5 needs test"),
        ({"evaluation": EvaluationConfig(device="gpu1")}, make_images(), "did you mean 'gpu0'?"),
    ],
)
def test_runs_that_cannot_be_are_refused_before_anything_is_allocated(
    changes: dict, data: Any, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        train(settings(**changes), data=data)
    assert message in str(caught.value)


def test_a_model_of_another_size_is_refused() -> None:
    with pytest.raises(UsageError, match="takes inputs of \\(1, 5, 5\\)"):
        train(settings(), net=TinyNet((1, 5, 5)))
    with pytest.raises(UsageError, match="takes inputs of \\(1, 5, 4\\)"):
        train(settings(), net=TinyNet((1, 5, 4)))
    with pytest.raises(UsageError, match="tells 4 classes apart and rows has 3"):
        train(settings(), net=TinyNet(classes=4))
