"""What a run of a net returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from hetengine.errors import UsageError
from hetengine.nets.model import Model, Normalise
from hetengine.record.metrics import NET_COLUMNS, NetRow


@dataclass(frozen=True)
class NetResult:
    """A trained net and the history of the run.

    Attributes
    ----------
    model : Model
        What was trained.
    parameters, statistics : ndarray, shapes (P,) and (S,)
        Averaged flat vectors; `named` has them by tensor. Empty where no numerics were run
        (``mode=dry``).
    normalise : Normalise
        What the net does to pixels first.
    test_accuracy, test_loss, train_loss : float
        At the end; NaN where there are no test images or no numerics were run.
    status : {'finished', 'target_accuracy', 'max_seconds', 'max_rounds', 'diverged', 'failed'}
        Why the run ended.
    error : str
        What went wrong where it diverged or failed; otherwise empty.
    rounds : int
        Rounds done.
    seconds : float
        On the run's clock, evaluations not counted.
    target_accuracy : float or None
        What was asked for.
    metrics : list of NetRow
        One row per evaluation.
    summary : dict
        What ``summary.json`` holds.
    directory : pathlib.Path or None
        Where the files are; None if none were written.
    """

    model: Model = field(repr=False)
    parameters: np.ndarray = field(repr=False)
    statistics: np.ndarray = field(repr=False)
    normalise: Normalise = field(repr=False)
    test_accuracy: float
    test_loss: float
    train_loss: float
    status: str
    error: str
    rounds: int
    seconds: float
    target_accuracy: float | None = None
    metrics: list[NetRow] = field(default_factory=list, repr=False)
    summary: dict[str, Any] = field(default_factory=dict, repr=False)
    directory: Path | None = None

    table: ClassVar[str] = "metrics.csv"
    columns: ClassVar[tuple[str, ...]] = NET_COLUMNS
    default_metric: ClassVar[str] = "test_error"

    @property
    def converged(self) -> bool:
        """Whether the target accuracy was reached or, where none was set, all epochs were done."""
        if self.status == "finished":
            return self.target_accuracy is None
        return self.status == "target_accuracy"

    @property
    def broken(self) -> bool:
        """Whether training could not go on."""
        return self.status in ("diverged", "failed")

    @property
    def named(self) -> dict[str, np.ndarray]:
        """Every tensor by its name, as views of `parameters` and `statistics`."""
        if not self.parameters.size:
            return {}
        return self.model.named(self.parameters, self.statistics)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what ``model.npz`` holds: the flat vectors, every tensor, the normalisation."""
        return {
            "parameters": self.parameters,
            "statistics": self.statistics,
            "mean": np.asarray(self.normalise.mean),
            "std": np.asarray(self.normalise.std),
            "input_shape": np.asarray(self.model.input_shape),
            "classes": np.asarray(self.model.classes),
            **self.named,
        }

    def decision_function(self, images: Any) -> np.ndarray:
        """Return the net's logits.

        Parameters
        ----------
        images : array_like
            As for `hetengine.data.images.convert.image_data_of`, pixels as in training.

        Returns
        -------
        ndarray, shape (N, classes)
            Of the type the net was trained in.

        Raises
        ------
        DataError
            If they are no images of the size the net takes.
        UsageError
            If nothing was trained (``mode=dry``).
        """
        from hetengine.engine.infer import logits

        if not self.parameters.size:
            raise UsageError("mode=dry trains nothing, so that nothing can be predicted")
        return logits(self.model, self.parameters, self.statistics, self.normalise, images)

    def predict_proba(self, images: Any) -> np.ndarray:
        """Return the softmax of the logits; see `decision_function`.

        Returns
        -------
        ndarray, shape (N, classes), float64
        """
        found = self.decision_function(images).astype(np.float64)
        chances = np.exp(found - found.max(axis=1, keepdims=True))
        return chances / chances.sum(axis=1, keepdims=True)

    def predict(self, images: Any) -> np.ndarray:
        """Return the most likely class of each image; see `decision_function`.

        Returns
        -------
        ndarray, shape (N,), int64
        """
        return self.decision_function(images).argmax(axis=1)
