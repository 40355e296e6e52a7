from __future__ import annotations

import pytest

from hetengine.device import Work
from hetengine.errors import UsageError
from hetengine.sim.cost.history import SizeClass, classify, nearest, read_line


def work(items: int) -> Work:
    return Work(flops=2.0 * items, bytes_read=4.0 * items, bytes_written=8.0, items=items)


def test_a_line_reads_back() -> None:
    seen = SizeClass(work(1000), 2.5e-4, 1e-6, 12)
    assert read_line(seen.line()) == seen


@pytest.mark.parametrize("line", ["", "1 2 3", "1 2 3 4 5 6 x"])
def test_a_broken_line_is_refused_in_one_line(line: str) -> None:
    with pytest.raises(UsageError, match="must be seven numbers") as caught:
        read_line(line)
    assert "\n" not in str(caught.value)


def test_sizes_alike_make_one_class_with_their_median() -> None:
    classes = classify([work(1000), work(1001), work(1002), work(8000)], [1.0, 3.0, 2.0, 9.0])
    assert [(each.work.items, each.seconds, each.samples) for each in classes] == [
        (1001, 2.0, 3),
        (8000, 9.0, 1),
    ]


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
