"""Orders by radix: those of a stable sort, whatever the scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hetengine.solvers.ranking import falling, rising

scores = arrays(
    np.float32,
    st.integers(0, 60),
    elements=st.one_of(
        st.sampled_from([0.0, 1.0, 1.0 + 2.0**-23, 2.0**-149, np.inf]),
        st.floats(0.0, allow_nan=False, width=32),
    ),
)


@given(scores)
def test_orders_are_those_of_a_stable_sort(values: np.ndarray) -> None:
    assert np.array_equal(rising(values), np.argsort(values, kind="stable"))
    assert np.array_equal(falling(values), np.argsort(-values, kind="stable"))


@pytest.mark.parametrize("order", [rising, falling])
def test_negative_zero_is_zero(order) -> None:
    values = np.array([0.0, -0.0, 0.0, -0.0], np.float32)
    assert order(values).tolist() == [0, 1, 2, 3]
