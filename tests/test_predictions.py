"""What linear models say of examples."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from hetengine.errors import DataError
from hetengine.predictions import LinearModels

X = np.array([[1.0, 2.0], [0.0, -1.0], [3.0, 0.0]])
COEFS = np.array([[1.0, 0.0], [2.0, -1.0]])


class Models(LinearModels):
    """Models with coefficients of one's choice."""

    def __init__(self, coefs, intercepts, labels=None) -> None:
        self.coefs, self.intercepts, self.labels = coefs, intercepts, labels

    def _linear(self) -> tuple[np.ndarray, np.ndarray | float]:
        return self.coefs, self.intercepts


@pytest.mark.parametrize("kind", [np.asarray, scipy.sparse.csr_array])
def test_one_model_and_several_agree(kind) -> None:
    together = Models(COEFS, np.array([0.5, -1.0])).decision_function(kind(X))
    assert together.tolist() == [[1.5, -1.0], [0.5, 0.0], [3.5, 5.0]]
    alone = Models(COEFS[1], -1.0).decision_function(kind(X))
    assert alone.tolist() == together[:, 1].tolist()


@pytest.mark.parametrize("bad", [X[:, :1], X[0], X[None]])
def test_another_number_of_columns_is_refused(bad) -> None:
    with pytest.raises(DataError, match=r"a model has 2 coefficients; give it as \(rows, 2\)"):
        Models(COEFS, 0.0).predict(bad)


def test_classifiers_label_by_sign_and_regressors_do_not() -> None:
    assert Models(COEFS, -1.0, (4.0, 9.0)).predict(X).tolist() == [
        [4.0, 4.0],
        [4.0, 4.0],
        [9.0, 9.0],
    ]
    assert Models(COEFS[0], -1.0).predict(X).tolist() == [0.0, -1.0, 2.0]
