"""Arrays in memory: ``dataset_of``, checks and labels."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from hetengine.data.convert import dataset_of
from hetengine.data.labels import binary_labels, cut_at, signs_of
from hetengine.data.validate import check_weights, empty_columns
from hetengine.errors import DataError

DENSE = np.array([[1.0, 0, 2], [0, 3, 0]])
Y = [1, -1]


def test_dense_of_the_right_form_is_shared():
    X, y = DENSE.copy(), np.array([1.0, -1.0])
    dataset = dataset_of(X, y, dtype=np.float64)
    assert np.shares_memory(dataset.X, X)
    assert np.shares_memory(dataset.y, y)
    assert (dataset.rows, dataset.columns, dataset.nnz, dataset.nbytes) == (2, 3, 6, 48)


def test_sparse_of_the_right_form_is_shared():
    X = sp.csr_matrix(DENSE)
    dataset = dataset_of(X, Y, dtype=np.float64)
    assert np.shares_memory(dataset.X.data, X.data)
    assert isinstance(dataset.X, sp.csr_array)
    assert dataset.nnz == 3
    assert dataset.nbytes == X.data.nbytes + X.indices.nbytes + X.indptr.nbytes


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "bsr", "dia", "lil", "dok"])
@pytest.mark.parametrize("cls", [sp.coo_array, sp.coo_matrix])
def test_every_sparse_format(kind, cls):
    dataset = dataset_of(cls(DENSE).asformat(kind), Y)
    np.testing.assert_array_equal(dataset.X.toarray(), DENSE)
    assert dataset.X.dtype == np.float32
    assert dataset.X.indices.dtype in (np.int32, np.int64)


@pytest.mark.parametrize("kind", [np.int8, np.uint16, np.int64, np.bool_, np.float16])
def test_every_real_type(kind):
    raw = DENSE.astype(kind)
    for X in (raw, np.asfortranarray(raw), raw.tolist()):
        got = dataset_of(X, Y).X
        np.testing.assert_array_equal(got, raw.astype(np.float32))
        assert got.flags.fnc == np.asarray(X).flags.fnc  # orders stay
        assert got.flags.forc
        assert got.dtype == np.float32


@settings(max_examples=40)
@given(entries=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9)), min_size=1, max_size=12))
def test_unsorted_duplicates_are_summed_and_the_caller_keeps_his(entries):
    indices = np.array([column for column, _ in entries], np.int64)
    values = np.array([value for _, value in entries], np.float64)
    X = sp.csr_array((values, indices, np.array([0, len(entries)])), shape=(1, 4))
    before = (X.data.copy(), X.indices.copy())
    got = dataset_of(X, [1.0], dtype=np.float64).X
    np.testing.assert_array_equal(got.toarray()[0], np.bincount(indices, values, minlength=4))
    assert np.all(np.diff(got.indices) > 0)
    np.testing.assert_array_equal(X.data, before[0])
    np.testing.assert_array_equal(X.indices, before[1])


def corrupt_csr():
    X = sp.csr_array(DENSE)
    X.indices[0] = 77
    return X


@pytest.mark.parametrize(
    ("X", "y", "weights", "words"),
    [
        (DENSE[0], Y, None, r"X has shape \(3,\); need \(rows, columns\); reshape"),
        (DENSE[None], Y, None, r"X has shape \(1, 2, 3\)"),
        (np.zeros((0, 3)), [], None, "0 rows x 3 columns"),
        (np.zeros((2, 0)), Y, None, "2 rows x 0 columns"),
        (np.zeros((2, 3)), Y, None, "every entry of X is zero"),
        (sp.csr_array((2, 3)), Y, None, "every entry of X is zero"),
        ([[1, 2], [3]], Y, None, "X is ragged"),
        ([["a", "b"], ["c", "d"]], Y, None, "need real numbers"),
        (DENSE * 1j, Y, None, "X holds complex128"),
        (sp.csr_array(DENSE * 1j), Y, None, "X holds complex128"),
        ([[1, 2], [3, np.nan]], Y, None, r"X\[1, 1\] is nan"),
        ([[1, -np.inf], [3, 4]], Y, None, r"X\[0, 1\] is -inf"),
        (sp.csr_array([[0, 0.0, 1], [0, np.nan, 0]]), Y, None, r"X\[1, 1\] is nan"),
        (sp.csc_array([[0, 0.0, 1], [0, np.inf, 0]]), Y, None, r"X\[1, 1\] is inf"),
        ([[1, 2], [1e300, 4]], Y, None, r"X\[1, 0\] is 1e\+300, too large for float32"),
        (sp.coo_array([[0, 1e300]]), [1], None, r"X\[0, 1\] is 1e\+300, too large"),
        (corrupt_csr(), Y, None, "not a valid sparse matrix"),
        (DENSE, [1], None, "1 labels for 2 rows"),
        (DENSE, [[1], [-1]], None, r"y has shape \(2, 1\); need one label per row, shape \(2,\)"),
        (DENSE, [1, np.nan], None, r"y\[1\] is nan"),
        (DENSE, ["a", "b"], None, "y holds <U1"),
        (DENSE, Y, [1, 2, 3], "3 weights for 2 rows"),
        (DENSE, Y, [1, -2], r"weights\[1\] is -2.0"),
        (DENSE, Y, [0, 0], "every weight is 0"),
        (DENSE, Y, [1, np.inf], r"weights\[1\] is inf"),
    ],
)
def test_what_cannot_be_used_is_refused(X, y, weights, words):
    with pytest.raises(DataError, match=f"array: .*{words}|array: {words}") as caught:
        dataset_of(X, y, weights)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("build", [np.array, sp.csr_array])
def test_empty_columns_are_allowed_and_reported(build):
    X = build([[0.0, 1, 0], [0, 2, 0]])
    np.testing.assert_array_equal(empty_columns(X), [0, 2])
    assert dataset_of(X, Y).columns == 3


def test_a_stored_zero_does_not_fill_a_column():
    X = sp.csr_array((np.array([0.0, 1.0]), np.array([0, 1]), np.array([0, 2])), shape=(1, 3))
    np.testing.assert_array_equal(empty_columns(X), [0, 2])


def test_weights_may_be_zero_in_part():
    check_weights(np.array([0.0, 1.0]), 2, "w")


@pytest.mark.parametrize("pair", [(-1, 1), (0, 1), (1, 2), (-3.5, 7)])
def test_two_values_become_signs(pair):
    signs, classes = binary_labels(np.array([pair[1], pair[0], pair[1]], float), "d")
    np.testing.assert_array_equal(signs, [1, -1, 1])
    assert classes == pair


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([1, 1], r"found 1 \(1\)"),
        ([1, 2, 3], r"found 3 \(1, 2, 3\); set data.threshold=VALUE .*problem=ridge"),
        (range(9), r"found 9 \(0, 1, 2, 3, 4, 5, ...\)"),
    ],
)
def test_labels_that_do_not_fit_a_classification_loss(y, words):
    with pytest.raises(DataError, match=words):
        binary_labels(np.array(y, float), "d")


def test_labels_of_a_test_set_follow_the_training_classes():
    np.testing.assert_array_equal(signs_of(np.array([2.0, 2.0]), (1.0, 2.0), "t"), [1, 1])
    with pytest.raises(DataError, match=r"t: label 3 of row 1 is neither .* 1 and 2"):
        signs_of(np.array([2.0, 3.0]), (1.0, 2.0), "t")


def test_threshold_puts_its_own_value_below():
    np.testing.assert_array_equal(cut_at(np.array([4.0, 5.0, 6.0]), 5.0), [-1, -1, 1])


@pytest.mark.parametrize("size", [1e20, 1e-20])
@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
def test_entries_whose_squares_float32_cannot_hold_are_refused(size, form):
    with pytest.raises(DataError, match=r"largest entry of X is 3e[+-]20 in size; .*float64"):
        dataset_of(form(size * DENSE), Y)
    assert dataset_of(form(size * DENSE), Y, dtype=np.float64).columns == 3
