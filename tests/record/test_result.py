from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from hetengine.errors import DataError
from hetengine.record.table import closing_lines, closing_table
from hetengine.result import Result

X = np.array([[1.0, 0.0], [0.0, 1.0]])


def test_decisions_are_the_same_dense_and_sparse(result: Result) -> None:
    expected = [1.5, -1.5]
    np.testing.assert_array_equal(result.decision_function(X), expected)
    np.testing.assert_array_equal(result.decision_function(csr_array(X)), expected)
    np.testing.assert_array_equal(result.decision_function(X.tolist()), expected)


def test_classifiers_predict_the_labels_they_were_given(result: Result) -> None:
    np.testing.assert_array_equal(result.predict(X), [1.0, 0.0])


def test_regressors_predict_values(result: Result) -> None:
    np.testing.assert_array_equal(replace(result, labels=None).predict(X), [1.5, -1.5])


@pytest.mark.parametrize("shape", [(2, 3), (2,)])
def test_a_wrong_shape_is_told(result: Result, shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="a model has 2 coefficients"):
        result.predict(np.zeros(shape))


def test_the_table_shows_the_kind_of_certificate_and_the_clock(result: Result) -> None:
    lines = dict(closing_lines(result))
    assert lines["relative gap"] == "2.000e-03 (primal-dual certificate)"
    assert lines["seconds"] == "1 (virtual clock)"
    assert lines["status"] == "max_rounds: stopped before the tolerance"
    assert lines["copied up"] == "3.0 kB"
    assert list(lines)[-2:] == ["  swap", "  solve"]
    assert closing_table(result).row_count == len(lines)


def test_a_dry_run_shows_no_objective(result: Result) -> None:
    result.summary["mode"] = "dry"
    lines = dict(closing_lines(result))
    assert "objective" not in lines
    assert lines["status"] == "max_rounds"


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_examples_that_are_no_numbers_are_told(result: Result, kind: Callable[..., Any]) -> None:
    with pytest.raises(DataError, match="predict: X holds <U1; need real numbers"):
        result.predict([["a"] * 2])
    hole = X.copy()
    hole[1, 0] = np.nan
    with pytest.raises(DataError, match=r"predict: X\[1, 0\] is nan; fill it or drop the row"):
        result.predict(kind(hole))
