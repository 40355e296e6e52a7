"""A matrix and its factor share memory, and neither spoils the other."""

from __future__ import annotations

import numpy as np
import pytest

from hetengine.solvers.resident.triangles import SharedTriangles


def make(size: int, dtype: type) -> np.ndarray:
    rows = np.random.default_rng(0).standard_normal((2 * size, size)) + 0.5
    return (rows.T @ rows / size).astype(dtype)


def error(triangles: SharedTriangles, matrix: np.ndarray, penalty: np.ndarray) -> float:
    """Largest error of a solution, relative to the largest element of the true one."""
    whole = matrix.astype(np.float64) + np.diag(penalty)
    held = np.flatnonzero(penalty == 0)
    whole[held, :] = whole[:, held] = 0.0
    whole[held, held] = 1.0
    vector = np.random.default_rng(1).standard_normal(penalty.size)
    right = np.linalg.solve(whole, vector)
    return float(np.abs(triangles.factorised(penalty)(vector) - right).max() / np.abs(right).max())


@pytest.mark.parametrize("size", [1, 7, 300])
@pytest.mark.parametrize(("dtype", "most"), [(np.float32, 1e-4), (np.float64, 1e-10)])
def test_every_strength_is_solved_with_the_same_matrix(size: int, dtype: type, most: float) -> None:
    matrix = make(size, dtype)
    triangles = SharedTriangles(matrix.copy())
    for strength in (1.0, 0.1, 10.0):
        assert error(triangles, matrix, np.full(size, strength)) < most


def test_coordinates_without_penalty_are_held() -> None:
    matrix, penalty = make(300, np.float64), np.full(300, 0.5)
    triangles = SharedTriangles(matrix.copy())
    for held in (299, 0, 270):
        penalty[:] = 0.5
        penalty[held] = 0.0
        assert error(triangles, matrix, penalty) < 1e-10
    assert error(triangles, matrix, np.full(300, 0.5)) < 1e-10  # what was held is there again


def test_an_outer_product_is_taken_off() -> None:
    matrix, vector = make(300, np.float64), np.full(300, 0.3)
    triangles = SharedTriangles(matrix.copy())
    triangles.subtract(vector, 0.7)
    less = matrix - 0.7 * np.outer(vector, vector)
    for strength in (1.0, 2.0):
        assert error(triangles, less, np.full(300, strength)) < 1e-10


def test_what_is_not_on_the_diagonal_is_shrunk() -> None:
    matrix = make(300, np.float64)
    matrix[7] = matrix[:, 7] = 0.0
    triangles = SharedTriangles(matrix.copy())
    scale = triangles.scale()
    correlations = matrix * scale * scale[:, None]
    assert scale[7] == 0.0
    assert triangles.likeness() == pytest.approx((correlations**2).sum() - 299)
    triangles.shrink(0.25)
    less = 0.75 * matrix + 0.25 * np.diag(matrix.diagonal())
    for strength in (1.0, 2.0):
        assert error(triangles, less, np.full(300, strength)) < 1e-10


def test_a_matrix_that_rounding_has_made_indefinite_is_factorised_all_the_same() -> None:
    matrix = np.ones((5, 5), np.float32) - np.diag(np.full(5, 1e-5, np.float32))
    solve = SharedTriangles(matrix).factorised(np.full(5, 1e-9))
    assert np.isfinite(solve(np.arange(5.0))).all()


def test_what_is_not_finite_ends_in_numbers_that_are_not() -> None:
    solve = SharedTriangles(np.full((3, 3), np.nan)).factorised(np.ones(3))
    assert not np.isfinite(solve(np.ones(3))).any()
