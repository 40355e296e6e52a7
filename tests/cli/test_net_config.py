"""Configs of nets: which parts go together, policies as groups, baselines, own options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import pytest
import yaml

from hetengine.api import compose
from hetengine.config import RunConfig, digest
from hetengine.errors import UsageError
from hetengine.families import NetParts, check_family, linear_parts, net_parts, trains_net
from hetengine.paths import conf_dir
from hetengine.solvers.local_sgd.accounting import check_accounts
from hetengine.solvers.local_sgd.classes import members_of
from hetengine.solvers.local_sgd.config import LocalSgdConfig
from hetengine.solvers.local_sgd.policies import FailureConfig

BASELINES = sorted(path.stem for path in (Path(conf_dir()) / "baseline").glob("*.yaml"))
NET = ("problem=cnn", "data=digits_images", "solver=local_sgd")


def parts(*words: str) -> NetParts:
    return net_parts(compose([*NET, *words]))


def test_options_bring_their_own_types() -> None:
    net, linear = compose(NET), compose([])
    assert trains_net(net)
    assert not trains_net(linear)
    assert net_parts(net).problem.name == "cnn"
    assert linear_parts(linear).solver.selection == "gap"
    assert digest(net) != digest(linear)


WRONG = {
    "problem=cnn": "problem=cnn is for nets, data=adult and solver=duhl for linear models; to "
    "train a net type data=digits_images solver=local_sgd",
    "solver=local_sgd": "to train a net type problem=cnn data=digits_images",
    "data=mnist": "to train a net type problem=cnn solver=local_sgd",
    "problem=mlp data=mnist": "problem=mlp and data=mnist are for nets, solver=duhl for linear "
    "models; to train a net type solver=local_sgd",
    "solver=local_sgd problem=cnn data=csv data.path=F": "type data=digits_images",
    "metric=test_error": "metric=test_error is nothing a linear model has; allowed: auto, rel",
    "baseline=sync_all": "baseline=sync_all does not go with the other choices: unknown key",
}
WRONG_NET = {
    "memory_fraction=0.5": "memory_fraction=0.5 is a share of a matrix, and a net's data stay",
    "tol=1e-3": "tol is a relative duality gap, which nets do not have; type solver.target_acc",
    "metric=objective": "metric=objective is nothing a net has; allowed: auto, test_error",
    "problem.lam=1": "unknown key problem.lam; allowed: model, width",
    "problem.model=resnet2": "problem.model='resnet2'; did you mean 'resnet32'? allowed: ",
    "problem=custom": "problem.model=''; allowed: resnet20, resnet32, mlp, cnn, or package.mod",
    "problem.width=0": "problem.width=0.0 must be finite and greater than 0",
    "data.threshold=1": "unknown key data.threshold; ",
    "data.name=digit": "data.name='digit'; allowed: digits_images, cifar10, ",
    "solver.selection=gap": "unknown key solver.selection; ",
    "solver.tua=1": "unknown key solver.tua; did you mean 'tau'?",
    "solver/tau=mesured": "solver/tau=mesured does not exist; did you mean 'measured'? allowed: fi",
    "solver.tau.name=mesured": "solver.tau.name='mesured'; did you mean 'measured'?",
    "solver.epochs=0": "solver.epochs=0 must be finite and at least 1",
    "solver.epochs=1.5": "solver.epochs: Value '1.5' of type 'float' could not be converted",
    "solver.target_accuracy=95": "solver.target_accuracy=95.0 must be above 0 and at most 1",
    "solver.workers.fast.devises=[a]": "unknown key solver.workers.fast; allowed: ",
}


def refusal(words: Sequence[str]) -> str:
    with pytest.raises(UsageError) as caught:
        compose(words)
    line = str(caught.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize("words", WRONG)
def test_parts_that_do_not_go_together_say_what_to_type(words: str) -> None:
    assert WRONG[words] in refusal(words.split())


@pytest.mark.parametrize("word", WRONG_NET)
def test_wrong_keys_and_values_of_nets_are_one_line(word: str) -> None:
    assert WRONG_NET[word] in refusal([*NET, word])


def test_policies_are_groups() -> None:
    words = ["solver/tau=measured", "solver.tau.every=3", "solver/aggregation=fednova"]
    more = ["solver/sampling=released", "solver/schedule=cosine", "solver/momentum=reset"]
    solver = parts(*words, *more, "solver/failure=drop", "solver/evaluation=each_round").solver
    assert (solver.tau.name, solver.tau.every) == ("measured", 3)
    assert solver.aggregation.name == "fednova"
    assert (solver.sampling.merge, solver.sampling.overlap) == ("minimum", True)
    assert (solver.schedule.name, solver.momentum.at_average) == ("cosine", "reset")
    assert (solver.failure.action, solver.evaluation.unit) == ("drop", "round")


@pytest.mark.parametrize("action", ["readmit", "drop", "stop"])
def test_options_of_failures_say_all_that_can_be_set(action: str) -> None:
    option = yaml.safe_load(
        (Path(conf_dir()) / "solver" / "failure" / f"{action}.yaml").read_text()
    )
    assert option == asdict(replace(FailureConfig(), action=action))


def test_worker_classes_are_a_group_too() -> None:
    words = ["solver/workers=fast_slow", "solver.workers.fast.tau=8"]
    workers = parts(*words, "solver.workers.slow.devices=[cpu1]").solver.workers
    assert (workers["fast"].devices, workers["fast"].tau) == (["gpu*", "fast*"], 8)
    assert workers["slow"].devices == ["cpu1"]
    assert list(parts(*words, "~solver.workers.slow").solver.workers) == ["fast"]
    assert "unknown key solver.workers.fast.tua; did you mean 'tau'?" in refusal(
        [*NET, *words, "solver.workers.fast.tua=1"]
    )
    assert "solver.workers.fast.tau=0 must be" in refusal([*NET, *words[:1], f"{words[1][:-1]}0"])


def test_a_baseline_sets_the_solver_and_an_experiment_or_the_command_line_wins() -> None:
    solver = parts("baseline=biased_released").solver
    assert solver.label == "biased_released"
    assert solver.workers["slow"].sampling == "hard"
    assert (solver.sampling.merge, solver.schedule.early) == ("minimum", True)
    assert parts("baseline=local_fast", "solver.workers.fast.tau=4").solver.workers["fast"].tau == 4
    paper = net_parts(compose(["experiment=cifar10_paper", "baseline=sync_fast"])).solver
    assert (paper.label, list(paper.workers)) == ("sync_fast", ["fast"])


@cache
def method(baseline: str) -> LocalSgdConfig:
    return parts(f"baseline={baseline}").solver


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize(
    ("experiment", "samples"),
    [("digits_nets", 1438), ("cifar10_paper", 50_000), ("cifar10_reduced", 16_384)],
)
def test_an_experiment_leaves_nothing_of_its_method_in_a_baseline(
    experiment: str, samples: int, baseline: str
) -> None:
    """And its batches leave enough samples for the steps of a round."""
    search = f"hydra.searchpath=[file://{Path(conf_dir()).parent / 'benchmarks' / 'conf'}]"
    config = compose([search, f"experiment={experiment}", f"baseline={baseline}"])
    solver, alone = net_parts(config).solver, method(baseline)
    assert solver.label == baseline
    for name in ("workers", "tau", "sampling", "aggregation", "momentum"):
        assert getattr(solver, name) == getattr(alone, name)
    topology = config.topology.build()
    members = members_of(solver, topology.host.name, topology.accelerators)
    check_accounts(solver, members, samples)


def test_the_papers_recipe_is_what_cifar10_paper_says() -> None:
    config = compose(["experiment=cifar10_paper"])
    problem, data, solver = net_parts(config)
    assert (problem.model, config.mode.name) == ("resnet20", "simulate")
    assert data.mean == [0.4914, 0.4822, 0.4465]
    assert (data.augment, data.pad, data.flip) == (True, 4, True)
    assert (solver.batch, solver.epochs, solver.epoch) == (64, 100, "paper")
    schedule, momentum = solver.schedule, solver.momentum
    assert (schedule.learning_rate, schedule.milestones, schedule.gamma) == (0.1, [60, 80], 0.1)
    assert (momentum.momentum, momentum.weight_decay, momentum.at_average) == (0.9, 1e-4, "keep")
    assert [group.tau for group in solver.workers.values()] == [32, 1]
    topology = config.topology.build()
    assert [d.name[:3] for d in topology.accelerators].count("gpu") == 8
    assert len(topology.accelerators) == 10


def test_an_option_without_a_type_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.yaml").write_text("name: digits_images\n")
    line = refusal([f"hydra.searchpath=[file://{tmp_path}]", "data=mine"])
    assert "data: this option does not name its type; let its file begin with 'defaults:" in line
    assert "DataConfig or ImageDataConfig" in line


def test_an_option_of_ones_own_with_a_type_works(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    head = "defaults: [optional /hydra/schema@_here_: ImageDataConfig, _self_]\n"
    (tmp_path / "data" / "mine.yaml").write_text(f"{head}name: digits_images\nlimit: 99\n")
    words = [f"hydra.searchpath=[file://{tmp_path}]", NET[0], "data=mine", NET[2]]
    assert net_parts(compose(words)).data.limit == 99


def test_the_number_of_rounds_may_be_left_open() -> None:
    config: RunConfig = compose(NET)
    assert config.max_rounds is None
    check_family(replace(config, max_rounds=3))
