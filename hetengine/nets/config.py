"""What a user may ask for under ``problem`` where it is a net; checked before any data is read."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hetengine.errors import UsageError, did_you_mean
from hetengine.nets.models import MODELS


@dataclass(frozen=True, slots=True)
class NetConfig:
    """A net to train.

    How it is trained (batch, learning rate, momentum, weight decay) is the solver's to say, and
    input shape and classes are the data's.

    Attributes
    ----------
    model : str
        One of ``resnet20``, ``resnet32``, ``mlp``, ``cnn``; or ``package.module:function`` for a
        net of one's own, see `hetengine.nets.factory.make_model`.
    width : float
        Factor on the channels and hidden features of the model.

    Raises
    ------
    UsageError
        If a value is not allowed; the message says what is.
    """

    model: str = "resnet20"
    width: float = 1.0

    def __post_init__(self) -> None:
        module, colon, function = self.model.partition(":")
        if self.model not in MODELS and not (module and colon and function):
            raise UsageError(
                f"problem.model={self.model!r}; {did_you_mean(self.model, MODELS)}, or "
                "package.module:function for one of your own"
            )
        if not (math.isfinite(self.width) and self.width > 0):
            raise UsageError(
                f"problem.width={self.width} must be finite and greater than 0, for instance "
                "problem.width=0.5"
            )

    @property
    def name(self) -> str:
        """Name of the net, its width in it unless that is 1."""
        base = self.model.rpartition(":")[2]
        return base if self.width == 1.0 else f"{base}-x{self.width:g}"
