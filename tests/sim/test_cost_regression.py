from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetengine.sim.cost.outliers import outlying
from hetengine.sim.cost.regression import NEAR, fit, in_range, predict, predict_all
from hetengine.work import Work

TRUE = {"constant": 2e-6, "bytes_read": 1e-10, "items": 3e-8}


def works(count: int = 60) -> list[Work]:
    rng = np.random.default_rng(3)
    return [
        Work(flops=0.0, bytes_read=float(read), bytes_written=0.0, items=int(items))
        for read, items in zip(
            rng.integers(1_000, 10_000_000, count), rng.integers(1, 10_000, count), strict=True
        )
    ]


def test_many_launches_take_what_each_of_them_takes() -> None:
    launches, far = works(), TRUE | {"beyond_1000": 3e-10}
    reuse = [0.0, np.inf, *np.geomspace(1.0, 1e9, len(launches) - 2)]
    each = [predict(far, work, seen) for work, seen in zip(launches, reuse, strict=True)]
    assert predict_all(far, launches, reuse) == pytest.approx(each, rel=1e-12)
    assert predict_all({}, launches, reuse).tolist() == [0.0] * len(launches)


def test_exact_measurements_give_the_coefficients_back() -> None:
    launches = works()
    found = fit(launches, [predict(TRUE, each) for each in launches])
    assert found.coefficients == pytest.approx(TRUE, rel=1e-6)
    assert not found.outliers.any()


def test_a_planted_spike_is_marked_and_does_not_move_the_fit() -> None:
    launches = works()
    seconds = [predict(TRUE, each) for each in launches]
    seconds[7] *= 1000.0
    seconds[31] *= 300.0
    found = fit(launches, seconds)
    assert np.flatnonzero(found.outliers).tolist() == [7, 31]
    assert found.coefficients == pytest.approx(TRUE, rel=1e-3)
    assert found.ratios[7] == pytest.approx(1000.0, rel=1e-3)


@given(st.lists(st.floats(1e-6, 1e-2), min_size=1, max_size=30), st.integers(0, 2**32 - 1))
def test_no_coefficient_is_ever_negative(seconds: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    launches = [Work(*rng.uniform(0, 1e6, 3), items=int(rng.integers(1, 1000))) for _ in seconds]
    found = fit(launches, seconds)
    assert all(rate > 0.0 for rate in found.coefficients.values())
    assert all(predict(found.coefficients, each) >= 0.0 for each in launches)


def test_the_range_is_that_of_the_measurements_kept_and_a_little_more() -> None:
    launches = works()
    found = fit(launches, [predict(TRUE, each) for each in launches])
    most = max(each.items for each in launches)
    inside = Work(bytes_read=1e6, items=int(most * NEAR * 0.99))
    outside = Work(bytes_read=1e6, items=int(most * NEAR * 1.01) + 1)
    assert in_range(found.lower, found.upper, inside)
    assert not in_range(found.lower, found.upper, outside)
    assert not in_range(found.lower, found.upper, Work(bytes_read=1e6, items=5, flops=1.0))


def test_values_that_repeat_exactly_hide_no_outlier_and_make_none() -> None:
    assert outlying([1.0] * 9).sum() == 0
    assert outlying([1.0] * 9 + [1.5]).tolist() == [False] * 9 + [True]
    assert outlying([]).size == 0
    assert outlying([1.0] * 9 + [1.5], floor=1.0).sum() == 0
