"""Measurements around a launch correct what the regression says of it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from hetengine.sim.cost.history import SizeClass
from hetengine.sim.cost.neighbours import Neighbours
from hetengine.work import Work

PER_ITEM = {"items": 1e-3}


def work(items: int) -> Work:
    return Work(flops=2.0 * items, bytes_read=4.0 * items, bytes_written=8.0, items=items)


def seen(items: int, seconds: float, samples: int = 20, reuse_bytes: float = 0.0) -> SizeClass:
    return SizeClass(work(items), seconds, 0.0, samples, reuse_bytes)


def test_what_was_measured_is_predicted_as_it_was_measured() -> None:
    known = Neighbours([seen(1000, 2.0), seen(64_000, 64.0)], PER_ITEM)
    seconds, measured = known.seconds(work(1000))
    assert measured
    assert seconds == pytest.approx(2.0, rel=0.01)


def test_near_a_measurement_the_regression_gives_the_slope() -> None:
    seconds, measured = Neighbours([seen(1000, 2.0)], PER_ITEM).seconds(work(1200))
    assert measured
    assert seconds == pytest.approx(2.0 * 1.2, rel=0.01)


def test_far_from_every_measurement_the_regression_stands() -> None:
    seconds, measured = Neighbours([seen(1000, 2.0)], PER_ITEM).seconds(work(64_000))
    assert not measured
    assert seconds == pytest.approx(64.0, rel=1e-6)


def test_classes_around_a_launch_share_the_say() -> None:
    known = Neighbours([seen(1000, 2.0), seen(1200, 1.2)], PER_ITEM)
    seconds, _ = known.seconds(work(1095))
    assert seconds == pytest.approx(1.095 * math.sqrt(2.0), rel=0.02)


def test_many_measurements_say_more_than_few() -> None:
    few, many = seen(1000, 2.0, samples=3), seen(1200, 1.2, samples=30)
    seconds, _ = Neighbours([few, many], PER_ITEM).seconds(work(1095))
    assert 1.095 < seconds < 1.095 * 1.25


def test_a_class_of_too_few_measurements_does_not_count() -> None:
    seconds, measured = Neighbours([seen(1000, 9.0, samples=2)], PER_ITEM).seconds(work(1000))
    assert (seconds, measured) == (1.0, False)


def test_what_comes_from_a_cache_says_little_about_what_does_not() -> None:
    known = Neighbours([seen(1000, 1.0, reuse_bytes=1e6), seen(1000, 3.0, 20, 5e7)], PER_ITEM)
    assert known.seconds(work(1000), 1e6)[0] == pytest.approx(1.0, rel=0.01)
    assert known.seconds(work(1000), 5e7)[0] == pytest.approx(3.0, rel=0.02)
    assert not known.seconds(work(1000), math.inf)[1]


def test_going_over_all_of_the_data_says_little_about_going_over_most_of_it() -> None:
    whole, most = (replace(work(items), footprint=4000.0) for items in (1000, 900))
    known = Neighbours(
        [SizeClass(whole, 1.0, 0.0, 20), SizeClass(most, 1.8, 0.0, 20)], {"bytes_read": 2.5e-4}
    )
    assert known.seconds(whole)[0] == pytest.approx(1.0, rel=0.06)
    assert known.seconds(most)[0] == pytest.approx(1.8, rel=0.06)


def test_without_a_regression_the_nearest_times_count() -> None:
    known = Neighbours([seen(1000, 2.0), seen(64_000, 64.0)], {})
    assert known.seconds(work(1100)) == (pytest.approx(2.0), True)
    seconds, measured = known.seconds(work(20))
    assert (seconds, measured) == (pytest.approx(2.0), False)


def test_nothing_measured_leaves_the_regression() -> None:
    assert Neighbours([], PER_ITEM).seconds(work(3000)) == (pytest.approx(3.0), False)
