"""What can be set under ``solver=local_sgd``."""

from __future__ import annotations

from dataclasses import dataclass, field

from hetengine.errors import UsageError
from hetengine.solvers.local_sgd.checks import above, at_least, one_of
from hetengine.solvers.local_sgd.policies import (
    AggregationConfig,
    EvaluationConfig,
    FailureConfig,
    MomentumConfig,
    SamplingConfig,
    ScheduleConfig,
    TauConfig,
)

ROLES = ("train", "score")
SAMPLINGS = ("uniform", "hard", "proportional")
EPOCHS = ("paper", "pass")


@dataclass
class WorkerClassConfig:
    """Workers that are treated alike: ``solver.workers.NAME``.

    Attributes
    ----------
    devices : list of str
        Names of devices, or patterns of names such as ``gpu*``. A device belongs to the class that
        names it, else to the first class with a pattern that fits. The host works only if named.
    backend : str or None
        Patterns take accelerators of this backend only.
    role : {'train', 'score'}
        Train; or only measure losses with the parameters the round began with, for the sampling of
        the others.
    tau : int
        Local steps per round; of a class that scores, batches.
    batch : int or None
        Samples per step; by default ``solver.batch``.
    sampling : {'uniform', 'hard', 'proportional'}
        Disjoint shares of a permutation; the samples of largest loss among ``sampling.rho`` times
        as many candidates; or drawn with probability proportional to the loss.
    weight : float
        Weight of each of its workers in the average, times that of ``aggregation.weights``.
    """

    devices: list[str] = field(default_factory=lambda: ["*"])
    backend: str | None = None
    role: str = "train"
    tau: int = 16
    batch: int | None = None
    sampling: str = "uniform"
    weight: float = 1.0

    def check(self, name: str) -> None:
        """Refuse settings out of range.

        Parameters
        ----------
        name : str
            Of the class, for the message.

        Raises
        ------
        UsageError
            With the key, the value and what is allowed.
        """
        owner = f"solver.workers.{name}"
        one_of(f"{owner}.role", self.role, ROLES)
        one_of(f"{owner}.sampling", self.sampling, SAMPLINGS)
        at_least(f"{owner}.tau", self.tau, 1)
        at_least(f"{owner}.batch", self.batch, 1)
        above(f"{owner}.weight", self.weight, 0.0)
        if not self.devices:
            raise UsageError(f"{owner}.devices=[] names nobody; write devices=['*'] for all")
        if self.role == "score" and self.sampling != "uniform":
            raise UsageError(
                f"{owner}.sampling={self.sampling!r} does not go with role=score; workers that "
                "score go through all samples in turn, sampling=uniform"
            )


@dataclass
class LocalSgdConfig:
    """Settings of local SGD on workers of unequal speed.

    Synchronous SGD is ``tau=1`` for every class; with unequal batches, and
    ``aggregation.weights=samples``, it is synchronous SGD with batches in proportion to speed.

    Attributes
    ----------
    name : str
        Name of the solver.
    label : str
        What the method is called in tables, for instance the name of a baseline.
    workers : dict of str to WorkerClassConfig
        Classes by name; none stands for one class of all accelerators.
    batch : int
        Samples per step, where a class does not say otherwise.
    epochs : int
        Length of the run.
    epoch : {'paper', 'pass'}
        What an epoch is: as many rounds as the released code counts, floor(D / (sum of batches x
        largest tau)), which credits every worker with the steps of the fastest; or D samples
        trained on.
    target_accuracy : float or None
        Test accuracy at which the run ends early.
    checkpoint_epochs, checkpoint_seconds : float or None
        Epochs of the run, or seconds on the wall, between two checkpoints from which
        ``hetengine resume`` goes on; by default there are none. The run's clock stands still
        meanwhile.
    tau, sampling, aggregation, schedule, momentum, failure, evaluation
        Policies; see their classes.
    """

    name: str = "local_sgd"
    label: str = ""
    workers: dict[str, WorkerClassConfig] = field(default_factory=dict)
    batch: int = 64
    epochs: int = 100
    epoch: str = "paper"
    target_accuracy: float | None = None
    checkpoint_epochs: float | None = None
    checkpoint_seconds: float | None = None
    tau: TauConfig = field(default_factory=TauConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    aggregation: AggregationConfig = field(default_factory=AggregationConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    momentum: MomentumConfig = field(default_factory=MomentumConfig)
    failure: FailureConfig = field(default_factory=FailureConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)

    def __post_init__(self) -> None:
        at_least("solver.batch", self.batch, 1)
        at_least("solver.epochs", self.epochs, 1)
        one_of("solver.epoch", self.epoch, EPOCHS)
        above("solver.checkpoint_epochs", self.checkpoint_epochs, 0.0)
        above("solver.checkpoint_seconds", self.checkpoint_seconds, 0.0)
        if self.target_accuracy is not None and not 0.0 < self.target_accuracy <= 1.0:
            raise UsageError(
                f"solver.target_accuracy={self.target_accuracy} must be above 0 and at most 1"
            )
        for name, group in self.workers.items():
            group.check(name)
        if self.workers and all(group.role == "score" for group in self.workers.values()):
            raise UsageError(
                f"solver.workers={list(self.workers)} only score; give one class role=train"
            )

    @property
    def saves(self) -> bool:
        """Whether there are to be checkpoints."""
        return self.checkpoint_epochs is not None or self.checkpoint_seconds is not None

    @property
    def classes(self) -> dict[str, WorkerClassConfig]:
        """The classes; one of all accelerators where none is configured."""
        return self.workers or {"all": WorkerClassConfig()}
