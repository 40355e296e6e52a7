from __future__ import annotations

import math

import pytest

from hetengine.device import Work
from hetengine.errors import UsageError
from hetengine.sim.cost.history import SizeClass, classify, nearest, read_line


def work(items: int) -> Work:
    return Work(flops=2.0 * items, bytes_read=4.0 * items, bytes_written=8.0, items=items)


def test_a_line_reads_back() -> None:
    seen = SizeClass(work(1000), 2.5e-4, 1e-6, 12, 3e6)
    assert read_line(seen.line()) == seen


@pytest.mark.parametrize("line", ["", "1 2 3", "1 2 3 4 5 6 7 x"])
def test_a_broken_line_is_refused_in_one_line(line: str) -> None:
    with pytest.raises(UsageError, match="must be eight numbers") as caught:
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


def test_a_class_keeps_what_is_typical_of_it_beside_the_regression() -> None:
    slower_where_far = {"constant": 1.0, "beyond_1000": 1.0 / 4000.0}
    near, far = classify([work(1000)], [2.0], [0.0], slower_where_far), [math.inf]
    assert near[0].seconds == 2.0
    (only,) = classify([work(1000)], [4.0], far, slower_where_far)
    assert only.seconds == 4.0  # twice what the regression has, for data out of reach


def test_the_nearest_class_within_half_an_octave_counts() -> None:
    classes = [SizeClass(work(1000), 1.0, 0.0, 3), SizeClass(work(1500), 2.0, 0.0, 3)]
    for items, seconds in ((1000, 1.0), (1100, 1.0), (1450, 2.0), (2000, 2.0)):
        found = nearest(classes, work(items))
        assert found is not None
        assert found.seconds == seconds
    assert nearest(classes, work(500)) is None
    assert nearest(classes, work(3000)) is None
    assert nearest([], work(1000)) is None


def test_a_class_of_too_few_measurements_does_not_count() -> None:
    assert nearest([SizeClass(work(1000), 1.0, 0.0, 2)], work(1000)) is None


def test_what_comes_from_a_cache_says_nothing_about_what_does_not() -> None:
    near, far = SizeClass(work(1000), 1.0, 0.0, 3, 1e6), SizeClass(work(1000), 3.0, 0.0, 3, 5e7)
    for reuse, found in ((1e6, near), (1.9e6, near), (3e7, far), (9e7, far)):
        assert nearest([near, far], work(1000), reuse) is found
    assert nearest([near, far], work(1000), 8e6) is None
    assert nearest([near, far], work(1000), math.inf) is None


def test_launches_an_octave_apart_in_reuse_make_two_classes() -> None:
    classes = classify([work(1000)] * 4, [1.0, 1.0, 3.0, 3.0], [1e6, 1e6, 4e7, 4e7], {"items": 1.0})
    assert [(each.reuse_bytes, each.samples) for each in classes] == [(1e6, 2), (4e7, 2)]
