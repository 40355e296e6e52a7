"""What linear models say of examples."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from hetengine.errors import DataError
from hetengine.predictions import labelled, linear_values

X = np.array([[1.0, 2.0], [0.0, -1.0], [3.0, 0.0]])
COEFS = np.array([[1.0, 0.0], [2.0, -1.0]])


@pytest.mark.parametrize("kind", [np.asarray, scipy.sparse.csr_array])
def test_one_model_and_several_agree(kind) -> None:
    together = linear_values(kind(X), COEFS, np.array([0.5, -1.0]))
    assert together.tolist() == [[1.5, -1.0], [0.5, 0.0], [3.5, 5.0]]
    assert linear_values(kind(X), COEFS[1], -1.0).tolist() == together[:, 1].tolist()


@pytest.mark.parametrize("bad", [X[:, :1], X[0], X[None]])
def test_another_number_of_columns_is_refused(bad) -> None:
    with pytest.raises(DataError, match=r"a model has 2 coefficients; give it as \(rows, 2\)"):
        linear_values(bad, COEFS, 0.0)


def test_classifiers_label_by_sign_and_regressors_do_not() -> None:
    values = np.array([-2.0, 0.0, 3.0])
    assert labelled(values, (4.0, 9.0)).tolist() == [4.0, 4.0, 9.0]
    assert labelled(values, None) is values
