"""What the functions of the package are called with is checked before anything is composed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hetengine
from hetengine.errors import UsageError

X = np.random.default_rng(0).standard_normal((12, 3))
Y = np.where(X[:, 0] > 0, 1.0, -1.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"points": "a"}, "points='a' must be a whole number"),
        ({"points": 2.5}, "points=2.5 must be a whole number"),
        ({"ratio": "a"}, "ratio='a' must be a number"),
        ({"lams": 0.1}, r"lams=0.1 is no list; .*lams=\[0.1, 0.01\]"),
        ({"lams": "0.1"}, "lams='0.1' is no list"),
        ({"Cs": [0.1, "a"]}, "Cs: 'a' is no number"),
        ({"folds": "a"}, "folds='a' must be a whole number, .* or pairs"),
        ({"folds": 2.5}, "folds=2.5 must be"),
        ({"seed": "a"}, "seed='a' must be a whole number"),
        ({"threads": "a"}, "threads='a' must be a whole number"),
        ({"overrides": ["data=adult"]}, "data=adult has no effect beside arrays"),
        ({"problem": "mlp"}, r"hetengine\.train\('mlp', images, labels\)"),
    ],
)
def test_paths_take_numbers(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        hetengine.cross_validate(X, Y, **{"problem": "svm", **options})
    assert "\n" not in str(caught.value)
    if options.keys().isdisjoint(("folds", "seed")):
        with pytest.raises(UsageError, match=message):
            hetengine.path(X, Y, **{"problem": "svm", **options})


def test_numbers_of_numpy_are_numbers() -> None:
    lams = np.array([0.1, 0.2], np.float32)
    options: dict[str, Any] = {"folds": np.int64(2), "lams": lams, "tol": np.float32(0.1)}
    found = hetengine.cross_validate(X, Y, "svm", **options)
    assert found.scores.shape == (2, 2)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ("tol=1", "overrides='tol=1' is no list"),
        (3, "overrides=3 is no list"),
        ([3], "overrides: 3 is no string"),
        (["hydra.run.dir=D"], r"hydra.run.dir=D has no effect, .* hetengine\.run"),
        (["data=adult"], r"data=adult has no effect beside arrays; .* hetengine\.run"),
        (["+data.seed=1"], r"data.seed=1 has no effect"),
        (["path.points=3"], r"hetengine\.path"),
    ],
)
def test_words_beside_arrays_have_an_effect(overrides: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        hetengine.fit(X, Y, overrides=overrides)
    if overrides != ["path.points=3"]:
        with pytest.raises(UsageError, match=message):
            hetengine.train("mlp", X, Y, overrides=overrides)


def test_a_run_takes_words_too() -> None:
    with pytest.raises(UsageError, match="overrides='tol=1' is no list"):
        hetengine.run("tol=1")


def test_each_family_has_its_function() -> None:
    with pytest.raises(UsageError, match=r"problem=cnn is a net; call hetengine\.train\('cnn'"):
        hetengine.fit(X, Y, "cnn")
    with pytest.raises(UsageError, match="model of type int is no net; give a name such as 'cnn'"):
        hetengine.train(3, X, Y)  # type: ignore[arg-type]


@pytest.mark.parametrize("threads", ["0", "-3", "many"])
def test_a_number_of_threads_numba_would_refuse_is_told(
    monkeypatch: pytest.MonkeyPatch, threads: str
) -> None:
    monkeypatch.setenv("NUMBA_NUM_THREADS", threads)
    with pytest.raises(UsageError, match=f"NUMBA_NUM_THREADS={threads} must be a whole number"):
        hetengine.fit(X, Y, lam=0.1)
