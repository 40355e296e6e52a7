from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hetengine.data.images.augment import draw_shifts


@given(st.integers(0, 50), st.integers(0, 6), st.booleans(), st.integers(0, 2**32 - 1))
def test_shifts_stay_in_reach(count: int, pad: int, flip: bool, seed: int) -> None:
    shifts = draw_shifts(np.random.default_rng(seed), count, pad, flip)
    assert shifts.shape == (count, 3)
    assert shifts.dtype == np.int32
    assert np.abs(shifts[:, :2]).max(initial=0) <= pad
    assert set(shifts[:, 2].tolist()) <= ({0, 1} if flip else {0})


def test_every_place_is_as_likely_and_half_are_mirrored() -> None:
    shifts = draw_shifts(np.random.default_rng(0), 90_000, 1, True)
    places = np.bincount(3 * (shifts[:, 0] + 1) + shifts[:, 1] + 1)
    assert places.size == 9
    assert np.abs(places / 10_000 - 1).max() < 0.05
    assert abs(shifts[:, 2].mean() - 0.5) < 0.01


def test_a_workers_draws_are_its_own_and_repeat() -> None:
    seeds = np.random.SeedSequence(5).spawn(2)
    first, again, other = (
        draw_shifts(np.random.default_rng(seed), 100, 4, True)
        for seed in (seeds[0], seeds[0], seeds[1])
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
