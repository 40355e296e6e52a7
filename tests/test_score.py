from __future__ import annotations

import numpy as np
import pytest

from hetengine.data.dataset import Dataset
from hetengine.score import score_on

X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [-1.0, 0.0]])


def test_accuracy_counts_labels_of_the_training_classes() -> None:
    test = Dataset("held out", X, np.array([2.0, 1.0, 2.0, 1.0]))
    assert score_on(np.array([1.0, -0.5]), 0.0, test, (1.0, 2.0)) == ("accuracy", 1.0)
    assert score_on(np.array([-1.0, -0.5]), 0.0, test, (1.0, 2.0)) == ("accuracy", 0.25)


def test_r2_is_one_for_a_perfect_fit_and_zero_for_the_mean() -> None:
    test = Dataset("held out", X, X @ np.array([2.0, 3.0]) + 1.0)
    assert score_on(np.array([2.0, 3.0]), 1.0, test, None) == ("r2", pytest.approx(1.0))
    assert score_on(np.zeros(2), float(test.y.mean()), test, None) == ("r2", pytest.approx(0.0))
