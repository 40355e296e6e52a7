"""How many passes a sampled model would still take."""

from __future__ import annotations

import math

import pytest

from hetengine.solvers.resident.forecast import Forecast


def forecast(*gaps: float, tol: float = 1e-4, smooth: bool = False) -> Forecast:
    made = Forecast(tol, smooth)
    for gap in gaps:
        made.see(gap)
    return made


def test_nothing_is_left_before_a_gap_is_known_and_after_it_is_small_enough() -> None:
    assert forecast().passes(0.1) == 0
    assert forecast(math.nan).passes(0.1) == 0
    assert forecast(0.1, 1e-4).passes(0.1) == 0


def test_a_gap_falls_by_the_root_of_the_features_per_sampled_row() -> None:
    assert forecast(0.9).passes(0.01) == 4  # 0.09, 0.009, 9e-4, 9e-5


def test_a_smooth_penalty_has_it_fall_by_the_square_of_that() -> None:
    assert forecast(0.9, smooth=True).passes(0.01) == 2


@pytest.mark.parametrize(("gaps", "passes"), [((0.9, 0.45), 13), ((0.9, 0.009), 2)])
def test_a_gap_that_falls_more_slowly_is_believed(gaps: tuple[float, ...], passes: int) -> None:
    assert forecast(*gaps).passes(0.01) == passes


@pytest.mark.parametrize("gaps", [(0.5, 0.6), (math.inf,)])
def test_there_is_no_end_where_the_gap_does_not_fall(gaps: tuple[float, ...]) -> None:
    assert forecast(*gaps).passes(0.01) == math.inf


def test_more_features_than_sampled_rows_never_get_there() -> None:
    assert forecast(0.5).passes(1.5) == math.inf


def test_a_tolerance_of_zero_is_never_reached() -> None:
    assert forecast(0.5, tol=0.0).passes(0.01) == math.inf
