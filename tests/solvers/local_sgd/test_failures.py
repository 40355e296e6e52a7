"""A worker that raises, stalls or returns NaN: the round goes on without it."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from hetengine.device import Buffer
from hetengine.errors import DeviceFailure
from hetengine.incidents import Incident
from hetengine.solvers.local_sgd import seeds
from hetengine.solvers.local_sgd.config import WorkerClassConfig
from hetengine.solvers.local_sgd.failures import Roster
from hetengine.solvers.local_sgd.policies import EvaluationConfig, FailureConfig, ScheduleConfig
from hetengine.solvers.local_sgd.solver import LocalSgd
from tests.solvers.local_sgd.harness import (
    Log,
    Run,
    make_images,
    settings,
    topology,
    train,
)
from tests.solvers.local_sgd.tiny import (
    Fault,
    Faults,
    TinyNet,
    TinyPlaced,
    poisons_at,
    raises_at,
    stalls_at,
)

DATA = make_images(600, tests=0)
"""Without test images nothing but training takes time."""
ALL = {"all": WorkerClassConfig(tau=2)}
PREPARED = 3
"""Training steps a worker makes before the clock starts; a round has two."""
FAR = EvaluationConfig(every=1000, unit="round")
SOON = FailureConfig(deadline_seconds=0.0)
over_modes = pytest.mark.parametrize("mode", ["execute", "simulate"])


def broken(**before: Fault) -> TinyNet:
    return TinyNet(faults=Faults(before))


def taking_part(run: Run) -> list[list[int]]:
    return [[each.index for each in found] for found in run.rounds]


@over_modes
def test_a_worker_that_raises_is_left_out_and_comes_back(mode: str) -> None:
    net = broken(gpu1=raises_at(PREPARED + 4))
    run = train(settings(ALL), mode, topology(0, 3), DATA, net, max_rounds=5)
    assert taking_part(run) == [[0, 1, 2], [0, 2], [0, 1, 2], [0, 1, 2], [0, 1, 2]]
    assert run.log.messages == [
        "round 2: gpu1: net_train failed: RuntimeError: the kernel broke; gpu1 is left out "
        "until it is asked again, going on with gpu0, gpu2",
        "round 3: gpu1 is back",
    ]
    assert np.isfinite(run.outcome.parameters).all()
    assert run.outcome.status == "max_rounds"
    assert run.log.rows[-1].workers == 3


def test_failures_are_the_same_run_in_both_modes() -> None:
    runs = [
        train(
            settings(ALL),
            mode,
            topology(0, 3),
            DATA,
            broken(gpu1=raises_at(PREPARED + 4), gpu2=poisons_at(PREPARED + 7)),
            max_rounds=8,
        )
        for mode in ("execute", "simulate")
    ]
    real, simulated = runs
    np.testing.assert_array_equal(real.outcome.parameters, simulated.outcome.parameters)
    assert real.log.messages == simulated.log.messages
    assert len(real.log.messages) == 4


@over_modes
@pytest.mark.parametrize("step", [3, 4])
def test_a_worker_that_returns_nan_is_left_out_and_begins_anew(mode: str, step: int) -> None:
    """Where it is the last step of a round, the losses are still finite."""
    net = TinyNet(faults=Faults(after={"gpu0": poisons_at(PREPARED + step)}))
    run = train(settings(ALL), mode, topology(0, 2), DATA, net, max_rounds=5)
    assert taking_part(run) == [[0, 1], [1], [0, 1], [0, 1], [0, 1]]
    what = "losses" if step == 3 else "values"
    assert run.log.messages == [
        f"round 2: gpu0 returned {what} that are not finite; gpu0 is left out "
        "until it is asked again, going on with gpu1",
        "round 3: gpu0 is back",
    ]
    assert np.isfinite(run.outcome.parameters).all()
    assert np.isfinite(run.outcome.state.momentum).all()


def test_a_worker_that_stalls_is_left_out_until_it_has_come_to_its_end() -> None:
    """Virtual time: two steps are 6 ms a round, the stall is from 65 to 150 ms."""
    events = {"gpu1": [Incident("stall", 0.065, 0.15)]}
    config = settings(ALL, failure=SOON, evaluation=FAR)
    run = train(config, machine=topology(0, 2, events), data=DATA, max_rounds=40)
    gone = [k for k, found in enumerate(run.rounds) if len(found) == 1]
    assert gone[0] == 10
    # One round waits for its deadline, three times its usual length; then 6 ms each until 150 ms.
    assert run.log.messages[0].startswith(
        "round 11: gpu1 has not come back after 0.018 s, its deadline by the rounds before was "
        "0.018 s; gpu1 is left out until it is asked again"
    )
    assert gone == list(range(10, 10 + len(gone)))
    assert 10 <= len(gone) <= 14
    assert run.log.messages[1] == f"round {gone[-1] + 2}: gpu1 is back"
    assert run.rounds[-1][1].index == 1


def test_a_real_worker_that_stalls_is_left_out() -> None:
    released = threading.Event()
    net = broken(gpu1=stalls_at(PREPARED + 2 * 6 + 1, released))

    def watch(solver: LocalSgd) -> None:
        heard = solver.observations.note

        def note(found, rounds):
            if rounds == 9:
                released.set()
            return heard(found, rounds)

        solver.observations.note = note  # pyright: ignore[reportAttributeAccessIssue]

    config = settings(ALL, failure=FailureConfig(deadline_seconds=0.3), epochs=50)
    run = train(config, "execute", topology(0, 2), DATA, net, max_rounds=60, watch=watch)
    assert taking_part(run)[6:10] == [[0]] * 4
    assert run.log.messages[0].startswith("round 7: gpu1 has not come back after 0.")
    assert any("gpu1 is back" in message for message in run.log.messages)
    assert np.isfinite(run.outcome.parameters).all()


def test_a_device_that_loses_its_memory_gets_everything_again() -> None:
    events = {"gpu1": [Incident("fail", 0.02, 0.05)]}
    config = settings(ALL, evaluation=FAR)
    run = train(config, machine=topology(0, 2, events), data=DATA, max_rounds=30)
    gone = [k for k, found in enumerate(run.rounds) if len(found) == 1]
    assert gone[0] == 3
    # Asked again after 1, 2 and 4 rounds.
    assert gone == list(range(3, 3 + 1 + 2 + 4))
    assert run.log.messages == [
        "round 4: gpu1: failed at 0.02 s (topology.devices.gpu1.events); gpu1 is left out "
        "until it is asked again, going on with gpu0",
        "round 11: gpu1 is back",
    ]
    assert np.isfinite(run.outcome.parameters).all()
    assert run.machine.accelerators[1].memory.used_bytes == expected_bytes(run)


@over_modes
def test_nothing_that_was_in_a_lost_memory_is_used_again(mode: str) -> None:
    """Memory that comes back with garbage in it is the same run as memory that comes back whole."""
    solvers: list[LocalSgd] = []
    step = PREPARED + 4

    def loses(number: int, parameters: np.ndarray) -> None:
        if number == step:
            for buffer in buffers(solvers[-1], 1):
                buffer.array.view(np.uint8)[...] = 255
            raise RuntimeError("the memory is gone")

    def run(fault: Fault) -> Run:
        net = broken(gpu1=fault)
        return train(settings(ALL), mode, topology(0, 2), DATA, net, 6, watch=solvers.append)

    lost, raised = run(loses), run(raises_at(step))
    assert taking_part(lost) == [[0, 1], [0], [0, 1], [0, 1], [0, 1], [0, 1]]
    assert (
        "RuntimeError: the memory is gone; gpu1 is left out until it is asked again"
        in lost.log.messages[0]
    )
    assert lost.log.messages[1] == "round 3: gpu1 is back"
    np.testing.assert_array_equal(lost.outcome.parameters, raised.outcome.parameters)
    np.testing.assert_array_equal(lost.outcome.state.momentum, raised.outcome.state.momentum)
    assert np.isfinite(lost.outcome.state.momentum).all()
    assert lost.machine.accelerators[1].memory.used_bytes == expected_bytes(lost)


def buffers(solver: LocalSgd, index: int) -> list[Buffer]:
    """All that a worker has in the memory of its device."""
    placed = solver.crew.workers[index].replica.placed
    assert isinstance(placed, TinyPlaced)
    return placed.held


def expected_bytes(run: Run) -> int:
    """Memory of a device that has never failed."""
    return run.machine.accelerators[0].memory.used_bytes


def test_a_dropped_worker_is_never_asked_again() -> None:
    net = broken(gpu0=raises_at(PREPARED + 4))
    config = settings(ALL, failure=FailureConfig("drop"))
    run = train(config, machine=topology(0, 2), data=DATA, net=net, max_rounds=8)
    assert taking_part(run) == [[0, 1]] + [[1]] * 7
    assert "gpu0 is left out for good" in run.log.messages[0]
    assert len(run.log.messages) == 1


@over_modes
def test_stopping_at_a_failure_keeps_the_last_good_round(mode: str) -> None:
    config = settings(ALL, failure=FailureConfig("stop"))
    net = broken(gpu0=raises_at(PREPARED + 6))
    run = train(config, mode, topology(0, 2), DATA, net, max_rounds=8)
    good = train(settings(ALL), mode, topology(0, 2), DATA, max_rounds=2)
    assert run.outcome.status == "failed"
    assert run.outcome.error == (
        "round 3: gpu0: net_train failed: RuntimeError: the kernel broke "
        "(solver.failure.action=stop)"
    )
    assert run.outcome.rounds == 2
    np.testing.assert_array_equal(run.outcome.parameters, good.outcome.parameters)


@over_modes
def test_if_all_fail_the_last_good_round_is_kept(mode: str) -> None:
    always = raises_at(*range(PREPARED + 5, 1000))
    net = broken(gpu0=always, gpu1=always)
    run = train(settings(ALL), mode, topology(0, 2), DATA, net, max_rounds=8)
    good = train(settings(ALL), mode, topology(0, 2), DATA, max_rounds=2)
    assert run.outcome.status == "failed"
    assert run.outcome.error == (
        "round 3: no worker is left to train; the parameters of round 2 are kept"
    )
    assert run.outcome.rounds == 2
    np.testing.assert_array_equal(run.outcome.parameters, good.outcome.parameters)


def test_if_all_fail_at_once_but_can_go_on_they_do() -> None:
    net = broken(gpu0=raises_at(PREPARED + 5), gpu1=raises_at(PREPARED + 5))
    run = train(settings(ALL), machine=topology(0, 2), data=DATA, net=net, max_rounds=5)
    assert run.outcome.status == "max_rounds"
    assert taking_part(run) == [[0, 1]] * 5


def test_workers_that_always_break_in_the_same_place_end_the_run() -> None:
    # A second step is under way when the first one breaks; then it is prepared again.
    first_of_every_round = range(PREPARED + 5, 100, 2 + PREPARED)
    net = broken(gpu0=raises_at(*first_of_every_round))
    run = train(settings(ALL), machine=topology(0, 1), data=DATA, net=net, max_rounds=5)
    assert run.outcome.status == "failed"
    assert run.outcome.error.startswith("round 3: no worker has come to its end in 3 attempts")


@over_modes
def test_a_run_that_diverges_says_so_and_keeps_finite_parameters(mode: str) -> None:
    wild = settings(ALL, schedule=ScheduleConfig("constant", 1e200), epochs=50)
    with np.errstate(all="ignore"):
        run = train(wild, "simulate", topology(0, 2), DATA, max_rounds=20)
    assert run.outcome.status == "diverged"
    assert "lower solver.schedule.learning_rate=1e+200" in run.outcome.error
    assert run.outcome.error in run.log.messages
    assert np.isfinite(run.outcome.parameters).all()


def test_a_failing_host_is_a_failing_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def watch(solver: LocalSgd) -> None:
        def gather(*args: object) -> None:
            raise RuntimeError("out of paper")

        monkeypatch.setattr(solver.crew.train, "gather", gather)

    with pytest.raises(DeviceFailure, match="host: assemble failed: RuntimeError: out of paper"):
        train(settings(ALL), machine=topology(0, 2), data=DATA, watch=watch)


def test_a_worker_that_fails_while_it_evaluates_is_replaced() -> None:
    """It fails during the first evaluation, 13 batches of 1 ms."""
    events = {"gpu0": [Incident("fail", 0.005)]}
    data = make_images(600)
    run = train(settings(ALL), machine=topology(0, 2, events), data=data, max_rounds=3)
    assert taking_part(run) == [[1], [1], [1]]
    assert np.isfinite([row.test_loss for row in run.log.rows]).all()
    batches = {
        name: sum(span.label == "net_evaluate" for span in run.of(name, "evaluate"))
        for name in ("gpu0", "gpu1")
    }
    assert batches == {"gpu0": 4, "gpu1": 26}
    assert run.log.messages == [
        "round 1: gpu0: failed at 0.005 s (topology.devices.gpu0.events); gpu0 is left out "
        "until it is asked again, going on with gpu1"
    ]


def test_deadlines_come_from_the_rounds_before() -> None:
    net, kept = TinyNet(), []
    train(settings(ALL), machine=topology(0, 1), net=net, max_rounds=1, watch=kept.append)
    workers = kept[0].crew.workers
    for config, seconds, limit in (
        (FailureConfig(), [1.0, 1.0], None),
        (FailureConfig(deadline_mads=None), [1.0] * 9, None),
        (FailureConfig(deadline_factor=3.0), [1.0] * 9, 3.0),
        (FailureConfig(deadline_factor=2.0), [0.1] * 9, 1.0),
        (FailureConfig(deadline_mads=10.0), [1.0, 1.5, 2.0, 2.5, 3.0], 2.0 + 10 * 0.5),
    ):
        seat = Roster(config, workers, Log()).seats[0]
        for each in seconds:
            seat.passed(each)
        assert Roster(config, workers, Log()).limit_seconds(seat) == limit


def test_initial_parameters_come_from_the_seed() -> None:
    run = train(settings(ALL), machine=topology(0, 1), data=DATA, max_rounds=1)
    net = TinyNet()
    first, _ = net.initial(seeds.initial(0), np.float64)
    assert not np.array_equal(run.outcome.parameters, first)
