"""Who waits for whom: rounds as the simulated machine saw them."""

from __future__ import annotations

import itertools

import pytest

from hetengine.config import TopologyConfig
from hetengine.incidents import Incident
from hetengine.solvers.local_sgd.config import WorkerClassConfig
from hetengine.solvers.local_sgd.policies import (
    EvaluationConfig,
    FailureConfig,
    MomentumConfig,
    TauConfig,
)
from tests.solvers.local_sgd.harness import (
    STEP_SECONDS,
    Run,
    make_images,
    settings,
    topology,
    train,
    two_classes,
)

FAR = EvaluationConfig(every=1000, unit="round")
MANY = make_images(2000)


def slow_links(machine: TopologyConfig) -> TopologyConfig:
    for link in machine.links.values():
        link.up_bytes_per_second = link.down_bytes_per_second = 1e5
    return machine


def seconds_per_round(run: Run) -> float:
    return run.log.rows[-1].seconds / run.outcome.rounds


def test_a_round_lasts_as_long_as_its_slowest_worker() -> None:
    run = train(settings(two_classes(1, 4), evaluation=FAR), max_rounds=5)
    assert seconds_per_round(run) == pytest.approx(10 * STEP_SECONDS, rel=1e-3)
    first = run.of("gpu0", "train")[4]
    assert first.start_seconds >= run.of("cpu0", "train")[0].end_seconds


def test_synchronous_sgd_waits_for_the_slow_and_fast_only_does_not() -> None:
    everybody = train(settings({"all": WorkerClassConfig(tau=1)}), max_rounds=5)
    fast = train(settings({"fast": WorkerClassConfig(["gpu*"], tau=1)}), max_rounds=5)
    assert seconds_per_round(everybody) == pytest.approx(10 * STEP_SECONDS, rel=1e-3)
    assert seconds_per_round(fast) == pytest.approx(STEP_SECONDS, rel=1e-2)
    assert fast.log.messages == ["idle, in no class of solver.workers: cpu0"]


def test_the_next_batch_travels_while_one_is_computed() -> None:
    workers = {"fast": WorkerClassConfig(["gpu0"], tau=8)}
    machine = slow_links(topology(0, 1))
    run = train(settings(workers, evaluation=FAR), machine=machine, data=MANY, max_rounds=3)
    steps, batches = run.of("gpu0", "train"), run.of("gpu0", "batch")
    for before, after in itertools.pairwise(steps[:8]):
        assert after.start_seconds == pytest.approx(before.end_seconds, abs=1e-9)
    up = [copy for copy in batches if copy.direction == "up"]
    assert len(up) == 2 * (len(steps) + 1)
    # Pixels and labels of every batch but the very first travel during a step.
    for copy in up[2:]:
        assert any(s.start_seconds <= copy.start_seconds < s.end_seconds for s in steps)


def test_all_results_come_down_at_once() -> None:
    workers = {"fast": WorkerClassConfig(["gpu*"], tau=2)}
    machine = slow_links(topology(0, 3))
    run = train(settings(workers, evaluation=FAR), machine=machine, data=MANY, max_rounds=1)
    down = [
        min(s.start_seconds for s in run.of(f"gpu{k}", "exchange") if s.direction == "down")
        for k in range(3)
    ]
    assert max(down) - min(down) < 1e-6


def test_only_what_has_changed_travels() -> None:
    workers = {"fast": WorkerClassConfig(["gpu0"], tau=2)}
    for at_average, copies in (("keep", 4), ("reset", 5), ("average", 6)):
        config = settings(workers, evaluation=FAR, momentum=MomentumConfig(at_average=at_average))
        run = train(config, machine=topology(0, 1), data=MANY, max_rounds=4)
        moved = run.of("gpu0", "exchange")
        # The learning rate and, where it is kept, momentum travel before the first round only.
        extra = 2 if at_average == "keep" else 1
        saved = 1 if at_average == "keep" else 0
        assert len(moved) == 4 * copies + extra + saved


def test_evaluation_is_off_the_clock() -> None:
    often, never = (
        train(settings(evaluation=EvaluationConfig(every, "round")), max_rounds=6)
        for every in (1, 1000)
    )
    assert [row.rounds for row in often.log.rows] == list(range(7))
    assert [row.rounds for row in never.log.rows] == [0, 6]
    assert often.log.rows[-1].seconds == pytest.approx(never.log.rows[-1].seconds, rel=1e-3)
    spent = sum(s.end_seconds - s.start_seconds for s in often.of("gpu0", "evaluate"))
    assert spent > 0.01


def test_the_fast_evaluate_unless_somebody_else_is_named() -> None:
    run = train(settings(), max_rounds=2)
    assert run.of("gpu0", "evaluate")
    assert not run.of("cpu0", "evaluate")
    named = train(settings(evaluation=EvaluationConfig(device="cpu0")), max_rounds=2)
    assert named.of("cpu0", "evaluate")
    assert not named.of("gpu0", "evaluate")
    assert named.log.rows[-1].test_accuracy == run.log.rows[-1].test_accuracy


def test_sync_warm_up_makes_one_step_a_round_at_first() -> None:
    run = train(settings(tau=TauConfig(sync_rounds=3)), max_rounds=5)
    assert [[each.steps for each in found] for found in run.rounds] == [[1, 1]] * 3 + [[1, 4]] * 2


def test_measured_taus_make_a_round_take_everybody_the_same_time() -> None:
    config = settings(two_classes(1, 32), tau=TauConfig("measured", every=2), evaluation=FAR)
    run = train(config, data=MANY, max_rounds=4)
    assert [[each.steps for each in found] for found in run.rounds] == [[3, 32]] * 4
    assert seconds_per_round(run) == pytest.approx(32 * STEP_SECONDS, rel=0.01)


def test_measured_taus_follow_a_device_that_slows_down() -> None:
    events = {"cpu0": [Incident("slow", 0.2, factor=2.5)]}
    config = settings(two_classes(1, 40), tau=TauConfig("measured", every=1), evaluation=FAR)
    run = train(config, data=MANY, machine=topology(events=events), max_rounds=30)
    taus = [found[0].steps for found in run.rounds]
    assert taus[0] == 4
    assert taus[-1] == 2
    assert sorted(taus, reverse=True) == taus


def test_open_rounds_end_with_the_fast_and_take_what_the_slow_have_finished() -> None:
    config = settings(two_classes(1, 35), tau=TauConfig("finish"), evaluation=FAR)
    run = train(config, data=MANY, max_rounds=4)
    assert [[each.steps for each in found] for found in run.rounds] == [[3, 35]] * 4
    assert seconds_per_round(run) == pytest.approx(35 * STEP_SECONDS, rel=0.01)


def test_open_rounds_wait_for_one_step_of_the_slow() -> None:
    config = settings(two_classes(7, 4), tau=TauConfig("finish"), evaluation=FAR)
    # The class with the largest tau sets the pace: here the slow one; the fast fill its time.
    run = train(config, data=MANY, max_rounds=2)
    assert [[each.steps for each in found] for found in run.rounds] == [[7, 69]] * 2
    assert seconds_per_round(run) == pytest.approx(70 * STEP_SECONDS, rel=1e-3)
    waits = settings(two_classes(1, 4), tau=TauConfig("finish"), evaluation=FAR)
    run = train(waits, data=MANY, max_rounds=2)
    assert [[each.steps for each in found] for found in run.rounds] == [[1, 4]] * 2
    assert seconds_per_round(run) == pytest.approx(10 * STEP_SECONDS, rel=1e-3)


def test_workers_that_score_train_nothing_but_fill_the_table() -> None:
    workers = two_classes(2, 3, slow={"role": "score"}, fast={"sampling": "proportional"})
    run = train(settings(workers, evaluation=FAR), machine=topology(1, 1), max_rounds=4)
    assert run.outcome.state.samples == 4 * 3 * 4
    scored = {int(i) for found in run.rounds for i in found[0].ids}
    trained = {int(i) for found in run.rounds for i in found[1].ids}
    seen = {int(i) for i in (run.outcome.state.loss_rounds >= 0).nonzero()[0]}
    assert seen == scored | trained
    assert len(scored) == 4 * 2 * 4
    assert run.of("cpu0", "score")
    assert not run.of("cpu0", "train")
    assert [row.workers for row in run.log.rows] == [0, 1]
    # A forward pass costs a third of a step.
    forward = run.of("cpu0", "score")[0]
    assert forward.end_seconds - forward.start_seconds == pytest.approx(10 * STEP_SECONDS / 3)


def test_the_run_ends_at_its_limits() -> None:
    assert train(settings(epochs=1)).outcome.status == "finished"
    assert train(settings(), max_rounds=3).outcome.status == "max_rounds"
    late = train(settings(epochs=1000), max_seconds=0.1)
    assert late.outcome.status == "max_seconds"
    assert late.outcome.rounds == 4
    good = train(settings(epochs=1000, target_accuracy=0.9))
    assert good.outcome.status == "target_accuracy"
    assert good.log.rows[-1].test_accuracy >= 0.9
    assert all(row.test_accuracy < 0.9 for row in good.log.rows[:-1])


@pytest.mark.parametrize("mode", ["execute", "simulate"])
def test_the_host_may_be_a_worker(mode: str) -> None:
    workers = {"host": WorkerClassConfig(["host"], tau=2), "fast": WorkerClassConfig(tau=3)}
    config = settings(workers, failure=FailureConfig("stop"))
    run = train(config, mode, topology(0, 1), max_rounds=4)
    assert [[each.steps for each in found] for found in run.rounds] == [[2, 3]] * 4
    assert run.outcome.status == "max_rounds"
    other = train(config, "simulate", topology(0, 1), max_rounds=4)
    assert (run.outcome.parameters == other.outcome.parameters).all()


def test_dry_runs_take_the_time_of_simulated_ones() -> None:
    dry, simulated = (train(settings(), mode) for mode in ("dry", "simulate"))
    assert [row.seconds for row in dry.log.rows] == [row.seconds for row in simulated.log.rows]
    assert dry.log.rows[-1].test_accuracy != dry.log.rows[-1].test_accuracy
