"""Rounds per epoch and period, and the learning rate: the counts of the released code."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetengine.errors import UsageError
from hetengine.solvers.local_sgd.accounting import Accounts, accounts, check_accounts
from hetengine.solvers.local_sgd.classes import Member
from hetengine.solvers.local_sgd.config import LocalSgdConfig
from hetengine.solvers.local_sgd.epochs import Epochs, Position
from hetengine.solvers.local_sgd.policies import (
    AggregationConfig,
    SamplingConfig,
    ScheduleConfig,
    TauConfig,
)
from hetengine.solvers.local_sgd.schedule import learning_rate

CIFAR = 50_000


def members(slow: int, tau_slow: int, fast: int, tau_fast: int, batch: int) -> list[Member]:
    made = [Member(k, f"cpu{k}", "slow", True, tau_slow, batch, "hard", 1.0) for k in range(slow)]
    return made + [
        Member(slow + k, f"gpu{k}", "fast", True, tau_fast, batch, "uniform", 1.0)
        for k in range(fast)
    ]


def count(workers: list[Member], config: LocalSgdConfig | None = None) -> Accounts:
    taus = {member.index: member.tau for member in workers}
    return accounts(config or LocalSgdConfig(), workers, taus, CIFAR)


@pytest.mark.parametrize(
    ("workers", "R", "passes", "slow_share", "P", "K", "C"),
    [
        ((1, 1, 1, 32, 64), 12, 0.51, 0.0303, 23, 1472, 5888),
        ((2, 1, 8, 32, 64), 2, 0.66, 0.0078, 3, 384, 1536),
        ((2, 1, 8, 32, 32), 4, 0.66, 0.0078, 6, 384, 1536),
        ((1, 8, 1, 32, 64), 12, 0.61, 0.20, 19, 9728, 38912),
    ],
)
def test_counts_are_those_of_the_released_code(
    workers: tuple, R: int, passes: float, slow_share: float, P: int, K: int, C: int
) -> None:
    made = members(*workers)
    found = count(made)
    assert (found.rounds_per_epoch, found.rounds_per_period) == (R, P)
    assert (found.hard, found.candidates) == (K, C)
    assert R * found.round_samples / CIFAR == pytest.approx(passes, abs=0.006)
    slow = sum(member.batch * member.tau for member in made if member.group == "slow")
    assert slow / found.round_samples == pytest.approx(slow_share, rel=0.01)
    check_accounts(LocalSgdConfig(), made, CIFAR)


@pytest.mark.parametrize("tau_slow", [12, 16])
def test_a_pool_larger_than_the_data_is_refused(tau_slow: int) -> None:
    made = members(1, tau_slow, 1, 32, 64)
    with pytest.raises(UsageError) as caught:
        check_accounts(LocalSgdConfig(), made, CIFAR)
    message = str(caught.value)
    assert "set solver.sampling.rho=3 or solver.sampling.period_rounds=1" in message
    check_accounts(LocalSgdConfig(sampling=SamplingConfig(rho=3)), made, CIFAR)
    rounds = int(message.rsplit("=", 1)[1])
    for length, fits in ((rounds, True), (rounds + 1, False)):
        config = LocalSgdConfig(sampling=SamplingConfig(period_rounds=length))
        assert (count(made, config).candidates <= CIFAR) is fits


def test_an_epoch_of_no_rounds_is_refused_unless_epochs_are_passes() -> None:
    made = members(2, 1, 8, 64, 128)
    with pytest.raises(UsageError, match="a round takes 65,792 samples"):
        check_accounts(LocalSgdConfig(), made, CIFAR)
    made = members(2, 1, 8, 32, 160)
    with pytest.raises(UsageError, match=r"floor\(50,000 / 51,200\) = 0 rounds.*solver.epoch=pass"):
        check_accounts(LocalSgdConfig(), made, CIFAR)
    check_accounts(LocalSgdConfig(epoch="pass"), made, CIFAR)


def test_taus_that_follow_from_speed_are_not_held_against_the_data() -> None:
    made = members(1, 30, 1, 32, 800)
    with pytest.raises(UsageError, match="a round takes 49,600 samples"):
        check_accounts(LocalSgdConfig(), made, 40_000)
    for name in ("measured", "finish"):
        config = LocalSgdConfig(tau=TauConfig(name), epoch="pass")
        check_accounts(config, made, 40_000)


def test_anchors_count_as_workers_of_the_epoch_and_take_no_samples() -> None:
    fast = members(0, 1, 8, 32, 64)
    config = LocalSgdConfig(batch=64, aggregation=AggregationConfig(anchors=2))
    found = count(fast, config)
    assert found.rounds_per_epoch == 2
    assert found.round_samples == 8 * 32 * 64


@given(
    R=st.integers(1, 9),
    D=st.integers(1, 1000),
    per_round=st.lists(st.integers(1, 500), min_size=1, max_size=60),
)
def test_epochs_are_counted_without_rounding(R: int, D: int, per_round: list[int]) -> None:
    paper, passes = Epochs(D, "paper"), Epochs(D, "pass")
    for number, samples in enumerate(per_round):
        before = paper.position(R, samples)
        assert before.epoch == number // R
        assert before.start == pytest.approx(number / R)
        assert before.end == pytest.approx((number + 1) / R)
        assert passes.position(R, samples).epoch == sum(per_round[:number]) // D
        for each in (paper, passes):
            each.advance(R, samples)
        assert paper.epoch == (number + 1) // R
        assert paper.paper_epoch == passes.paper_epoch == pytest.approx((number + 1) / R)
        assert passes.epoch == sum(per_round[: number + 1]) // D
        assert passes.passes == sum(per_round[: number + 1]) / D


def test_epochs_of_no_rounds_are_not_counted() -> None:
    epochs = Epochs(100, "pass")
    assert epochs.paper_epoch == 0.0
    epochs.advance(0, 50)
    assert math.isnan(epochs.paper_epoch)


def rates(config: ScheduleConfig, epochs: int = 100) -> list[float]:
    return [learning_rate(config, Position(e, e, e + 1), epochs) for e in range(epochs)]


@pytest.mark.parametrize(("early", "first", "second"), [(True, 59, 79), (False, 60, 80)])
def test_milestones_take_effect_one_epoch_early_as_released(
    early: bool, first: int, second: int
) -> None:
    expected = [0.1] * first + [0.01] * (second - first) + [0.001] * (100 - second)
    assert rates(ScheduleConfig(early=early)) == pytest.approx(expected)


def test_cosine_goes_from_the_rate_to_the_least_after_the_warm_up() -> None:
    config = ScheduleConfig("cosine", 0.4, least=0.1, warmup_epochs=4)
    found = rates(config, 24)
    assert found[:4] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert found[4] == pytest.approx(0.4)
    assert found[14] == pytest.approx(0.25)
    assert found[23] == pytest.approx(0.1 + 0.15 * (1 + math.cos(math.pi * 19 / 20)))
    assert sorted(found[4:], reverse=True) == found[4:]


def test_a_constant_rate_stays() -> None:
    assert set(rates(ScheduleConfig("constant", 0.3))) == {0.3}
