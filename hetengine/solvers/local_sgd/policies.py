"""The policies of local SGD that can be set, one small config each: groups under ``solver/``."""

from __future__ import annotations

from dataclasses import dataclass, field

from hetengine.errors import UsageError
from hetengine.solvers.local_sgd.checks import above, at_least, one_of, share

TAUS = ("given", "measured", "finish")
MERGES = ("latest", "minimum")
RULES = ("average", "fednova")
WEIGHTS = ("uniform", "steps", "samples")
SCHEDULES = ("multistep", "cosine", "constant")
MOMENTA = ("keep", "reset", "average")
ACTIONS = ("readmit", "drop", "stop")
UNITS = ("epoch", "round")


@dataclass
class TauConfig:
    """How many local steps a worker makes in a round.

    Attributes
    ----------
    name : {'given', 'measured', 'finish'}
        Each class its own ``tau``; or the class with the largest ``tau`` sets the pace and the
        others make as many steps as take them the same time, at least one, by what they were
        measured (or simulated) at; or the round ends when those that set the pace are done, and
        the others bring what they have finished, at least one step.
    every : int
        With ``measured``: rounds between two adjustments.
    sync_rounds : int
        Rounds at the start in which every tau is 1 (synchronous SGD).
    """

    name: str = "given"
    every: int = 10
    sync_rounds: int = 0

    def __post_init__(self) -> None:
        one_of("solver.tau.name", self.name, TAUS)
        at_least("solver.tau.every", self.every, 1)
        at_least("solver.tau.sync_rounds", self.sync_rounds, 0)


@dataclass
class SamplingConfig:
    """How samples are drawn by the losses they had; which class draws how is the class's business.

    Attributes
    ----------
    rho : float
        With ``hard``: candidates drawn per sample taken; the taken are those with the largest loss
        among them. 1 is uniform.
    overlap : bool
        Whether samples that ``hard`` has taken may also be given to ``uniform`` workers in the same
        period, as in the released code.
    merge : {'latest', 'minimum'}
        What the table of losses keeps of several observations: the latest; or, as released, each
        class's own latest until the period ends and then the least of all classes'.
    correction : bool
        With ``proportional``: weigh each sample by 1/(D p), so that the expected gradient is that
        of uniform sampling.
    floor : float
        With ``proportional``: share of the draws that is uniform, which bounds 1/p.
    period_rounds : int or None
        Rounds for which samples are dealt out at once; by default as many as the data last.
    """

    rho: float = 4.0
    overlap: bool = False
    merge: str = "latest"
    correction: bool = False
    floor: float = 0.1
    period_rounds: int | None = None

    def __post_init__(self) -> None:
        at_least("solver.sampling.rho", self.rho, 1.0)
        one_of("solver.sampling.merge", self.merge, MERGES)
        at_least("solver.sampling.period_rounds", self.period_rounds, 1)
        if not 0.0 < self.floor <= 1.0:
            raise UsageError(f"solver.sampling.floor={self.floor} must be above 0 and at most 1")


@dataclass
class AggregationConfig:
    """How the workers' parameters become one.

    Attributes
    ----------
    name : {'average', 'fednova'}
        A weighted mean; or the mean of changes normalised by the steps they came from (Wang et al.,
        *Tackling the Objective Inconsistency Problem*, NeurIPS 2020). Batch-norm statistics are a
        weighted mean with either.
    weights : {'uniform', 'steps', 'samples'}
        What a worker's weight is proportional to, beside the ``weight`` of its class.
    anchors : int
        Workers that compute nothing and bring the parameters the round began with: Lookahead with
        alpha = workers / (workers + anchors) where weights are uniform.
    """

    name: str = "average"
    weights: str = "uniform"
    anchors: int = 0

    def __post_init__(self) -> None:
        one_of("solver.aggregation.name", self.name, RULES)
        one_of("solver.aggregation.weights", self.weights, WEIGHTS)
        at_least("solver.aggregation.anchors", self.anchors, 0)
        if self.anchors and (self.name != "average" or self.weights != "uniform"):
            raise UsageError(
                f"solver.aggregation.anchors={self.anchors} makes no steps and takes no samples; "
                "it goes with name=average and weights=uniform only"
            )


@dataclass
class ScheduleConfig:
    """Learning rate over the run.

    Attributes
    ----------
    name : {'multistep', 'cosine', 'constant'}
        Times ``gamma`` at each milestone; half a cosine from ``learning_rate`` to ``least``; or the
        same throughout.
    learning_rate : float
        At the start, after the warm-up.
    milestones : list of int
        With ``multistep``: epochs.
    gamma : float
        With ``multistep``: factor at each milestone.
    early : bool
        With ``multistep``: one epoch before each milestone, as in the released code, which advances
        its schedule before the first epoch.
    least : float
        With ``cosine``: learning rate at the end.
    warmup_epochs : float
        Epochs over which the learning rate rises linearly.
    """

    name: str = "multistep"
    learning_rate: float = 0.1
    milestones: list[int] = field(default_factory=lambda: [60, 80])
    gamma: float = 0.1
    early: bool = False
    least: float = 0.0
    warmup_epochs: float = 0.0

    def __post_init__(self) -> None:
        one_of("solver.schedule.name", self.name, SCHEDULES)
        above("solver.schedule.learning_rate", self.learning_rate, 0.0)
        above("solver.schedule.gamma", self.gamma, 0.0)
        at_least("solver.schedule.least", self.least, 0.0)
        at_least("solver.schedule.warmup_epochs", self.warmup_epochs, 0.0)
        if any(milestone < 1 for milestone in self.milestones):
            raise UsageError(f"solver.schedule.milestones={self.milestones} must be at least 1")


@dataclass
class MomentumConfig:
    """SGD's own settings, and what becomes of a worker's momentum when parameters are averaged.

    Attributes
    ----------
    momentum, weight_decay : float
        v = momentum v + g + weight_decay p; p -= learning rate times v.
    at_average : {'keep', 'reset', 'average'}
        Each worker keeps its own v, as released; starts the round from zero; or all go on with the
        weighted mean.
    """

    momentum: float = 0.9
    weight_decay: float = 1e-4
    at_average: str = "keep"

    def __post_init__(self) -> None:
        share("solver.momentum.momentum", self.momentum)
        at_least("solver.momentum.weight_decay", self.weight_decay, 0.0)
        one_of("solver.momentum.at_average", self.at_average, MOMENTA)


@dataclass
class FailureConfig:
    """What becomes of a worker that raises, stalls or returns what is not finite.

    Attributes
    ----------
    action : {'readmit', 'drop', 'stop'}
        Ask it again after 1, 2, 4, ... rounds; never again; or end the run.
    deadline_mads : float or None
        A worker is late once a round has taken it more than the median of its rounds by this many
        times their median absolute deviation; None waits for ever.
    deadline_factor : float
        But not before this many times the median,
    deadline_seconds : float
        nor before so many seconds on the run's clock: what holds a machine up now and then lasts as
        long for short rounds as for long ones.
    """

    action: str = "readmit"
    deadline_mads: float | None = 8.0
    deadline_factor: float = 3.0
    deadline_seconds: float = 1.0

    def __post_init__(self) -> None:
        one_of("solver.failure.action", self.action, ACTIONS)
        at_least("solver.failure.deadline_mads", self.deadline_mads, 0.0)
        at_least("solver.failure.deadline_factor", self.deadline_factor, 1.0)
        at_least("solver.failure.deadline_seconds", self.deadline_seconds, 0.0)


@dataclass
class EvaluationConfig:
    """When and where the net is measured on the test set; the run's clock stands still meanwhile.

    Attributes
    ----------
    every : float
        Epochs, or a part of one, or rounds between two evaluations; the last round is always
        evaluated.
    unit : {'epoch', 'round'}
        Which of the two.
    device : str or None
        A worker's device; by default the first of the class that sets the pace.
    """

    every: float = 1.0
    unit: str = "epoch"
    device: str | None = None

    def __post_init__(self) -> None:
        above("solver.evaluation.every", self.every, 0.0)
        one_of("solver.evaluation.unit", self.unit, UNITS)
