from __future__ import annotations

import math
from dataclasses import replace

import pytest

from hetengine.errors import UsageError
from hetengine.sim.cost.history import SizeClass, classify, read_line
from hetengine.work import Work


def work(items: int) -> Work:
    return Work(flops=2.0 * items, bytes_read=4.0 * items, bytes_written=8.0, items=items)


def test_a_line_reads_back() -> None:
    seen = SizeClass(replace(work(1000), footprint=8e4), 2.5e-4, 1e-6, 12, 3e6)
    assert read_line(seen.line()) == seen


@pytest.mark.parametrize("line", ["", "1 2 3", "1 2 3 4 5 6 7 8", "1 2 3 4 5 6 7 8 x"])
def test_a_broken_line_is_refused_in_one_line(line: str) -> None:
    with pytest.raises(UsageError, match="must be nine numbers") as caught:
        read_line(line)
    assert "\n" not in str(caught.value)


def test_sizes_alike_make_one_class_with_the_time_that_adds_up() -> None:
    works = [work(1000), work(1001), work(1002), work(8000)]
    classes = classify(works, [1.0, 4.0, 1.0, 9.0], [5.0, 7.0, 6.0, 0.0], {"constant": 1.0})
    assert [
        (each.work.items, each.seconds, each.samples, each.reuse_bytes) for each in classes
    ] == [
        (1001, 2.0, 3, 6.0),
        (8000, 9.0, 1, 0.0),
    ]


def test_a_run_during_which_the_machine_was_slow_counts_once() -> None:
    works, reuse = [work(1000)] * 6, [0.0] * 6
    seconds = [1.0, 1.0, 1.2, 1.2, 9.0, 9.0]
    (only,) = classify(works, seconds, reuse, {"constant": 1.0}, [0, 0, 1, 1, 2, 2])
    assert only.seconds == pytest.approx(1.2)
    (pooled,) = classify(works, seconds, reuse, {"constant": 1.0})
    assert pooled.seconds == pytest.approx(22.4 / 6)


def test_a_class_keeps_what_is_typical_of_it_beside_the_regression() -> None:
    slower_where_far = {"constant": 1.0, "beyond_1000": 1.0 / 4000.0}
    near, far = classify([work(1000)], [2.0], [0.0], slower_where_far), [math.inf]
    assert near[0].seconds == 2.0
    (only,) = classify([work(1000)], [4.0], far, slower_where_far)
    assert only.seconds == 4.0  # twice what the regression has, for data out of reach


def test_launches_an_octave_apart_in_reuse_make_two_classes() -> None:
    classes = classify([work(1000)] * 4, [1.0, 1.0, 3.0, 3.0], [1e6, 1e6, 4e7, 4e7], {"items": 1.0})
    assert [(each.reuse_bytes, each.samples) for each in classes] == [(1e6, 2), (4e7, 2)]


def test_going_over_all_of_the_data_and_over_most_of_it_make_two_classes() -> None:
    whole = replace(work(1000), footprint=4000.0)
    most = replace(work(990), footprint=4000.0)
    classes = classify([whole, whole, most], [1.0, 1.0, 2.0], [0.0] * 3, {"items": 1.0})
    assert [(each.work.items, each.samples) for each in classes] == [(1000, 2), (990, 1)]


def test_neighbouring_and_scattered_columns_of_the_same_data_make_two_classes() -> None:
    scattered = replace(work(1000), footprint=40_000.0)
    neighbours = replace(scattered, reach=4000.0)
    classes = classify(
        [scattered, neighbours, neighbours], [2.0, 1.0, 1.0], [0.0] * 3, {"items": 1.0}
    )
    assert sorted((each.work.extent, each.samples) for each in classes) == [
        (4000.0, 2),
        (40_000.0, 1),
    ]
    assert read_line(classes[0].line()).work.extent == classes[0].work.extent
