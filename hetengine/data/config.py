"""The ``data`` group of the configuration, and which of its keys go together."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hetengine.data.keys import check_applies, check_words
from hetengine.errors import UsageError

FILES = ("svmlight", "csv", "npz", "npy")
BUNDLED = ("breast_cancer", "diabetes", "digits", "wine", "iris")
GENERATORS = ("dense_correlated", "sparse_powerlaw")
SHAPE = "shape"
STORE = "store"
PARQUET = "parquet"
NAMES = ("adult", *FILES, PARQUET, STORE, *BUNDLED, *GENERATORS, SHAPE)
WITH_ROWS = tuple(name for name in NAMES if name not in (SHAPE, STORE))

CHOICES = {
    "layout": ("keep", "dense", "sparse"),
    "index_base": ("auto", "zero", "one"),
    "header": ("auto", "yes", "no"),
    "delimiter": ("auto", "comma", "semicolon", "tab", "space"),
    "task": ("regression", "classification"),
}

APPLIES = {
    "path": (*FILES, PARQUET, STORE),
    "test_path": FILES,
    "target_path": ("npz", "npy"),
    "test_target_path": ("npz", "npy"),
    "columns": (*FILES, *GENERATORS, SHAPE),
    "index_base": ("svmlight",),
    "target_column": ("csv", "npy", PARQUET),
    "header": ("csv",),
    "delimiter": ("csv",),
    "weights_path": WITH_ROWS,
    "layout": WITH_ROWS,
    "tfidf": WITH_ROWS,
    "standardize": WITH_ROWS,
    "normalize": WITH_ROWS,
    "threshold": WITH_ROWS,
    "rows": (*GENERATORS, SHAPE),
    "density": ("sparse_powerlaw", SHAPE),
    "task": GENERATORS,
    "noise": GENERATORS,
    "correlation": ("dense_correlated",),
    "factors": ("dense_correlated",),
    "factor_share": ("dense_correlated",),
    "support": ("dense_correlated",),
    "seed": GENERATORS,
}

REQUIRED = {
    **dict.fromkeys((*FILES, PARQUET, STORE), ("path",)),
    "dense_correlated": ("rows", "columns"),
    "sparse_powerlaw": ("rows", "columns", "density"),
    SHAPE: ("rows", "columns"),
}


@dataclass
class DataConfig:
    """Where the examples come from and what is done to them before training.

    Preprocessing runs in the order of its keys here: layout, tfidf, standardize, normalize. Its
    statistics come from the training rows alone and are applied to the test rows.

    Attributes
    ----------
    name : str
        One of ``NAMES``: ``adult`` (shipped, with its test set), a file format (``svmlight``,
        ``csv``, ``npz``, ``npy``), ``store`` (columns on disk, from ``hetengine convert``),
        ``parquet`` (to convert only), a set of scikit-learn, a generator, or ``shape`` (sizes
        only, for ``mode=dry``).
    path, test_path : str or None
        File of training and of test examples; svmlight and CSV also as .gz, .bz2 or .xz. Of a
        store its folder.
    target_path, test_target_path : str or None
        ``.npy`` file of labels (npz, npy). Without it npy takes ``target_column`` of the matrix,
        and npz its member ``y``.
    columns : int or None
        Number of features; None means as many as the training file has. Required by generators.
    index_base : {'auto', 'zero', 'one'}
        What the first column is called in svmlight; ``auto`` is ``one`` where no file uses 0.
    target_column : int
        Column of the label in CSV and npy, from 0; negative counts from the end.
    header : {'auto', 'yes', 'no'}
        Whether line 1 of a CSV holds names; ``auto`` means: none of its cells is a number.
    delimiter : {'auto', 'comma', 'semicolon', 'tab', 'space'}
        What separates the cells of a CSV; ``auto`` looks at line 1.
    weights_path : str or None
        ``.npy`` file with one weight per training example.
    threshold : float or None
        Turns numeric labels into classes: +1 above it, -1 otherwise.
    layout : {'keep', 'dense', 'sparse'}
        Store X differently from how it was read.
    tfidf : bool
        Multiply counts by ``ln((1 + rows) / (1 + document frequency)) + 1`` (sparse only).
    standardize : bool
        Unit variance of every column; dense columns are centred too.
    normalize : bool
        Unit Euclidean length of every row.
    rows : int or None
        Number of examples to generate.
    density : float or None
        Fraction of entries that are not zero (``sparse_powerlaw``, ``shape``; there None is 1).
    task : {'regression', 'classification'}
        What is generated as y: numbers or -1 / +1.
    noise : float or None
        Regression: standard deviation of the noise over that of the signal (None: 1/3).
        Classification: fraction of flipped labels (None: 0.2 dense, 0.1 sparse).
    correlation : float
        Of neighbouring columns, in [0, 1).
    factors : int
        Number of factors common to all columns.
    factor_share : float
        Fraction of the variance the common factors make up.
    support : int or None
        Columns with a true coefficient (None: 100 for regression, all for classification).
    seed : int or None
        Seed of the generator; None takes the seed of the run.
    """

    name: str = "adult"
    path: str | None = None
    test_path: str | None = None
    target_path: str | None = None
    test_target_path: str | None = None
    columns: int | None = None
    index_base: str = "auto"
    target_column: int = -1
    header: str = "auto"
    delimiter: str = "auto"
    weights_path: str | None = None
    threshold: float | None = None
    layout: str = "keep"
    tfidf: bool = False
    standardize: bool = False
    normalize: bool = False
    rows: int | None = None
    density: float | None = None
    task: str = "regression"
    noise: float | None = None
    correlation: float = 0.8
    factors: int = 20
    factor_share: float = 0.3
    support: int | None = None
    seed: int | None = None


def check_config(config: DataConfig) -> None:
    """Check names, ranges and combinations before any file is opened.

    Parameters
    ----------
    config : DataConfig
        What the user asked for.

    Raises
    ------
    UsageError
        On an unknown word, a number out of range, a missing key, or a key that would be ignored.
    """
    check_words(config, NAMES, CHOICES)
    _check_applicable(config)
    _check_ranges(config)


def _check_applicable(config: DataConfig) -> None:
    for key in REQUIRED.get(config.name, ()):
        if getattr(config, key) is None:
            raise UsageError(f"data={config.name} needs data.{key}; add data.{key}=VALUE")
    check_applies(config, APPLIES)
    if config.test_target_path is not None and config.test_path is None:
        raise UsageError("data.test_target_path is set without data.test_path; add the test matrix")
    split_target = config.name == "npy" and config.target_path is not None
    if split_target and config.test_path is not None and config.test_target_path is None:
        raise UsageError("data.target_path and data.test_path need data.test_target_path=FILE.npy")


def _check_ranges(config: DataConfig) -> None:
    most_noise = 0.5 if config.task == "classification" else math.inf
    rules: list[tuple[str, float, float, str]] = [
        ("rows", 1, math.inf, "at least 1"),
        ("columns", 1, math.inf, "at least 1"),
        ("support", 1, math.inf, "at least 1"),
        ("factors", 1, math.inf, "at least 1"),
        ("seed", 0, math.inf, "at least 0"),
        ("density", math.ulp(0.0), 1, "above 0 and at most 1"),
        ("correlation", 0, math.nextafter(1, 0), "at least 0 and below 1"),
        ("factor_share", 0, 1, "between 0 and 1"),
        ("noise", 0, most_noise, f"between 0 and {most_noise}"),
    ]
    for key, least, most, words in rules:
        value = getattr(config, key)
        if value is not None and not least <= value <= most:
            raise UsageError(f"data.{key}={value} must be {words}")
    if config.threshold is not None and not math.isfinite(config.threshold):
        raise UsageError(f"data.threshold={config.threshold} must be finite")
