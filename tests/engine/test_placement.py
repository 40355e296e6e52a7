"""Which runs leave the accelerators idle and pass over rows."""

from __future__ import annotations

import numpy as np
import pytest

import hetengine
from hetengine.api import compose, composed_for
from hetengine.engine.linear import by_row
from hetengine.errors import DataError, UsageError


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["topology=cpu", "solver.selection=auto"], True),
        (["topology=cpu", "solver.selection=all"], True),
        (["topology=cpu", "solver.selection=host"], True),
        (["topology=cpu", "solver.selection=gap"], False),
        (["topology=cpu", "solver.selection=auto", "memory_fraction=0.5"], False),
        (["topology=cpu_limited", "solver.selection=auto"], False),
        (["topology=cpu_limited", "solver.selection=host"], True),
        (["topology=cuda", "solver.selection=auto"], False),
        (["topology=cuda", "solver.selection=all"], False),
    ],
)
def test_rows_where_nothing_is_gained_by_moving_data(words: list[str], expected: bool) -> None:
    assert by_row(compose(words)) is expected


def test_auto_says_what_it_became() -> None:
    X = np.random.default_rng(0).standard_normal((400, 20))
    y = np.where(X[:, 0] > 0, 1, -1)
    result = hetengine.fit(X, y, lam=0.01)
    assert result.summary["selection"] == "host"
    assert result.summary["messages"] == ["solver.selection=auto is host here"]
    limited = hetengine.fit(X, y, lam=0.01, topology="cpu_limited")
    assert limited.summary["selection"] == "gap"
    assert limited.objective == pytest.approx(result.objective, rel=2e-4)


@pytest.mark.parametrize("lam", [0.01, None])
def test_nan_is_found_wherever_it_is_looked_for(lam: float | None) -> None:
    X = np.random.default_rng(0).standard_normal((80, 5))
    y = np.where(X[:, 0] > 0, 1, -1)
    X[17, 3] = np.nan
    with pytest.raises(DataError, match=r"X\[17, 3\] is nan"):
        hetengine.fit(X, y, lam=lam)


def test_words_count_more_than_arguments() -> None:
    words = ("problem=lasso", "topology=cpu", "tol=1e-3", "problem.lam=0.5")
    config = composed_for(words, 1e-9, 0.1, 2)
    assert config.tol == 1e-3
    assert config.problem.lam == 0.5  # type: ignore[union-attr]
    assert {device.threads for device in config.topology.devices.values()} == {2}
    again = composed_for(words[:2], 1e-9, 0.1, 3)
    assert (again.tol, again.problem.lam) == (1e-9, 0.1)  # type: ignore[union-attr]
    with pytest.raises(UsageError, match="lam"):
        composed_for(words[:2], 1e-9, -1.0, 1)
