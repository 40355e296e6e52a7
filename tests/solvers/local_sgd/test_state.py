"""State is data: a run that goes on from a saved state is the run that never stopped."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hetengine.errors import DataError, UsageError
from hetengine.solvers.local_sgd.policies import (
    EvaluationConfig,
    MomentumConfig,
    SamplingConfig,
    ScheduleConfig,
    TauConfig,
)
from hetengine.solvers.local_sgd.state import State
from tests.solvers.local_sgd.harness import (
    Run,
    make_images,
    settings,
    topology,
    train,
    two_classes,
)
from tests.solvers.local_sgd.tiny import TinyNet

CONFIGS: dict[str, dict[str, Any]] = {
    "keep": {"workers": two_classes(1, 3, slow={"sampling": "hard"})},
    "average": {"momentum": MomentumConfig(at_average="average")},
    "reset": {"momentum": MomentumConfig(at_average="reset")},
    "minimum": {
        "workers": two_classes(1, 3, slow={"sampling": "hard"}),
        "sampling": SamplingConfig(merge="minimum", overlap=True),
    },
    "weighted": {
        "workers": two_classes(2, 3, fast={"sampling": "proportional"}),
        "sampling": SamplingConfig(correction=True),
    },
}


def through_a_file(state: State) -> State:
    file = io.BytesIO()
    arrays: dict[str, Any] = state.arrays()
    np.savez(file, **arrays)
    file.seek(0)
    with np.load(file) as arrays:
        return State.from_arrays(dict(arrays))


@pytest.mark.parametrize("name", CONFIGS)
def test_a_run_goes_on_as_if_it_had_never_stopped(name: str) -> None:
    stop = 4
    schedule = ScheduleConfig("cosine", warmup_epochs=0.5)
    config = settings(epochs=3, schedule=schedule, **CONFIGS[name])
    data, machine = make_images(augment=True), topology(1, 2)
    whole = train(config, machine=machine, data=data)
    half = train(config, machine=machine, data=data, max_rounds=stop)
    assert half.outcome.rounds == stop < whole.outcome.rounds
    rest = train(config, machine=machine, data=data, state=through_a_file(half.outcome.state))
    check_same(rest, whole)
    last, resumed = whole.log.rows[-1], rest.log.rows[-1]
    assert (last.test_loss, last.samples) == (resumed.test_loss, resumed.samples)
    assert rest.log.rows[0].rounds > stop


TIMED = ("seconds", "speeds", "loss_total", "loss_samples")
"""Depend on when the run was evaluated, and on what was fetched ahead."""


def check_same(found: Run, right: Run) -> None:
    """Compare all that decides what a run does next."""
    arrays = right.outcome.state.arrays()
    for key, array in found.outcome.state.arrays().items():
        if key not in TIMED:
            np.testing.assert_array_equal(array, arrays[key], key)


@pytest.mark.parametrize("name", [*CONFIGS, "measured"])
def test_a_run_goes_on_from_each_of_its_checkpoints(name: str) -> None:
    """Rows included, to the bit but for the time it takes to send momenta and rates again."""
    more = CONFIGS.get(name, {"tau": TauConfig("measured", every=2)})
    config = settings(epochs=3, evaluation=EvaluationConfig(0.5), **more)
    data, machine = make_images(augment=True), topology(1, 2)
    whole = train(config, machine=machine, data=data, checkpoint_epochs=0.7)
    assert len(whole.log.states) >= 3
    for state in whole.log.states:
        rest = train(config, machine=machine, data=data, state=through_a_file(state))
        check_same(rest, whole)
        rows = whole.log.rows[-len(rest.log.rows) :]
        assert rest.log.rows[0].rounds > state.rounds
        for resumed, row in zip(rest.log.rows, rows, strict=True):
            assert replace(resumed, seconds=0.0) == replace(row, seconds=0.0)
            assert resumed.seconds == pytest.approx(row.seconds, rel=1e-6)


def test_a_checkpoint_costs_a_run_no_time_and_changes_nothing() -> None:
    config, data = settings(epochs=3), make_images()
    plain, saved = (train(config, data=data, checkpoint_epochs=every) for every in (None, 1.0))
    check_same(saved, plain)
    assert saved.outcome.state.seconds == pytest.approx(plain.outcome.state.seconds, rel=0.01)
    assert saved.machine.clock.now > plain.machine.clock.now


def test_a_state_that_is_over_runs_no_further() -> None:
    over = train(settings())
    again = train(settings(), state=over.outcome.state)
    assert again.outcome.status == "finished"
    assert again.outcome.rounds == over.outcome.rounds
    np.testing.assert_array_equal(again.outcome.parameters, over.outcome.parameters)


def test_a_state_of_another_run_is_refused() -> None:
    state = train(settings(), max_rounds=1).outcome.state
    with pytest.raises(UsageError, match="the saved state's momentum have shape"):
        train(settings(), machine=topology(1, 2), state=state)
    with pytest.raises(UsageError, match="the saved state's statistics have shape"):
        train(settings(), net=TinyNet(running_mean=False), state=state)
    with pytest.raises(UsageError, match="the saved state's losses have shape"):
        train(settings(), data=make_images(200), state=state)


def test_a_state_with_a_part_missing_is_refused() -> None:
    arrays = train(settings(), max_rounds=1).outcome.state.arrays()
    del arrays["share_ids"]
    with pytest.raises(DataError, match="share_ids missing"):
        State.from_arrays(arrays)


def test_nets_without_statistics_have_none_in_the_outcome() -> None:
    run = train(settings(), net=TinyNet(running_mean=False))
    assert run.outcome.statistics.shape == (0,)
    assert train(settings()).outcome.statistics.shape == (20,)
