from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from hetengine.config import GROUPS, RunConfig, digest, register_schema, run_config
from hetengine.data.config import REQUIRED
from hetengine.explain import explain
from hetengine.families import linear_parts
from hetengine.paths import conf_dir

Compose = Callable[..., RunConfig]
CONF = Path(conf_dir())
OPTIONS = sorted(
    f"{group}={file.stem}"
    for group in (*GROUPS, "experiment")
    for file in (CONF / group).glob("*.yaml")
)
NET = ("problem=cnn", "data=digits_images", "solver=local_sgd")
NEEDS = {f"data={name}": ("data.path=FILE",) for name, keys in REQUIRED.items() if "path" in keys}
NEEDS |= {f"problem={name}": NET[1:] for name in ("cnn", "mlp", "resnet20", "resnet32")}
NEEDS |= {"problem=custom": ("problem.model=mine:custom", *NET[1:])}
NEEDS |= {"solver=local_sgd": NET[:2], "data=npz_images": ("data.path=FILE", NET[0], NET[2])}
IMAGES = ("digits_images", "cifar10", "cifar100", "mnist", "image_folder")
NEEDS |= {f"data={name}": (NET[0], NET[2]) for name in IMAGES}


@pytest.fixture(scope="module")
def composed() -> Iterator[Compose]:
    register_schema()
    with initialize_config_dir(conf_dir(), version_base="1.3"):

        def build(*overrides: str) -> RunConfig:
            return run_config(compose("run", overrides=list(overrides)))

        yield build


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_of_every_group_composes(composed: Compose, option: str) -> None:
    config = composed(option, *NEEDS.get(option, ()))
    group, name = option.split("=")
    if group != "experiment":
        assert getattr(config, group).name == name


def test_every_group_has_options() -> None:
    assert {option.split("=")[0] for option in OPTIONS} == {*GROUPS, "experiment"}


def test_values_of_an_experiment_win_over_defaults_and_lose_to_the_command_line(
    composed: Compose,
) -> None:
    assert linear_parts(composed("experiment=adult_svm")).problem.lam == 1e-3
    again = composed("experiment=adult_svm", "problem.lam=0.5")
    assert linear_parts(again).problem.lam == 0.5


@pytest.mark.parametrize(("given", "fraction"), [("async", None), ("0.2", 0.2), ("1", 1.0)])
def test_refresh_takes_a_word_or_a_number(
    composed: Compose, given: str, fraction: float | None
) -> None:
    config = composed(f"solver.refresh={given}")
    assert linear_parts(config).solver.refresh_fraction == fraction


def test_topology_is_built_with_the_host_first(composed: Compose) -> None:
    topology = composed("topology.devices.accelerator.capacity_bytes=1000").topology.build()
    assert topology.devices[0].role == "host"
    assert topology.accelerators[0].capacity_bytes == 1000


def test_digest_follows_what_matters_only(composed: Compose) -> None:
    config = composed()
    assert digest(config) == digest(composed())
    assert digest(replace(config, progress="none", metric="seconds")) == digest(config)
    assert digest(replace(config, seed=1)) != digest(config)


WRONG = {
    "problem=laso": "problem=laso does not exist; did you mean 'lasso'? allowed: cnn, custom, ",
    "experiment=nope": "experiment=nope does not exist; allowed: ",
    "problm=lasso": "unknown key problm; did you mean 'problem'? allowed: problem, data, ",
    "problem.lamb=1": "unknown key problem.lamb; did you mean 'lam'? allowed: name, lam, ",
    "+problem.extra=1": "unknown key problem.extra; allowed: name, lam, ",
    "+sed=1": "unknown key sed; did you mean 'seed'? allowed: problem, data, ",
    "topology.devices.card.threads=2": "unknown key topology.devices.card; ",
    "topology.devices.accelerator.thread=2": "did you mean 'threads'? allowed: role, ",
    "tol=abc": "tol: Value 'abc' of type 'str' could not be converted to Float",
    "tol=null": "tol: field 'tol' is not Optional",
    "tol=-1": "tol=-1.0 must be finite and greater than 0",
    "tol=inf": "tol=inf must be finite and greater than 0",
    "seed=1.5": "seed: Value '1.5' of type 'float' could not be converted to Integer",
    "seed=-1": "seed=-1 must be at least 0",
    "max_rounds=0": "max_rounds=0 must be at least 1",
    "max_seconds=0": "max_seconds=0.0 must be finite and greater than 0",
    "memory_fraction=0": "memory_fraction=0.0 must be finite and greater than 0",
    "precision=float16": "precision='float16'; did you mean 'float64'? allowed: float32, float64",
    "metric=gap": "metric='gap'; ",
    "progress=rihc": "progress='rihc'; did you mean 'rich'? allowed: auto, ",
    "mode.name=exec": "mode.name='exec'; did you mean 'execute'? allowed: execute, simulate, dry",
    "mode.swap_fraction=2": "mode.swap_fraction=2.0 must be between 0 and 1",
    "solver.selection=gaps": "solver.selection='gaps'; did you mean 'gap'? allowed: gap, ",
    "solver.refresh=0": "solver.refresh='0' must be 'async' or a fraction",
    "solver.refresh=asink": "solver.refresh='asink' must be 'async' or a fraction",
    "solver.refresh=nan": "solver.refresh='nan' must be 'async' or a fraction",
    "solver.inner_epochs=0": "solver.inner_epochs=0 must be at least 1",
    "solver.inner_gap_ratio=1": "solver.inner_gap_ratio=1.0 must be at least 0 and below 1",
    "problem.lam=0": "problem.lam=0.0 must be finite and greater than 0",
    "problem.name=laso": "problem.name='laso'; did you mean 'lasso'? allowed: lasso, ",
    "data=svmlight": "data=svmlight needs data.path; add data.path=VALUE",
    "data.layout=dens": "data.layout='dens'; did you mean 'dense'? allowed: keep, dense, sparse",
    "topology.devices.accelerator.threads=0": "devices.accelerator.threads=0 must be at least 1",
    "topology.links.bus.ends=[host]": "links.bus.ends=['host'] must name two devices",
    "topology.links.bus.ends=[host,crad]": "links.bus ends at crad; allowed: host, accelerator",
    "nonsense": "'nonsense' is neither key=value nor a command; allowed: doctor, devices",
    "docter": "did you mean 'doctor'?",
    "path": "'path' is a command and comes first: hetengine path ...",
    "a=b=[": "cannot read 'a=b=['",
    "seed=1,2": "Ambiguous value for argument 'seed=1,2'",
}


@pytest.mark.parametrize("override", WRONG)
def test_every_wrong_key_or_value_is_one_line_that_says_what_is_allowed(
    composed: Compose, override: str
) -> None:
    with pytest.raises(Exception, match=r".") as caught:
        composed(override)
    line = explain(caught.value)
    assert WRONG[override] in line
    assert "\n" not in line
