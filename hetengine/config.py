"""The configuration of a run as plain dataclasses, and how Hydra learns of them.

Inside the engine a config is never an OmegaConf object: `run_config` turns it into dataclasses
once, at the edge. A value that a type cannot rule out is checked in ``__post_init__``, with its key
in the message.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from hetengine.calibrate.file import read_topology
from hetengine.calibrate.spec import Calibration, Dispatch, KernelCost
from hetengine.data.config import DataConfig
from hetengine.data.config import check_config as check_table
from hetengine.data.images.config import ImageDataConfig
from hetengine.data.images.config import check_config as check_images
from hetengine.errors import UsageError, did_you_mean
from hetengine.families import check_family
from hetengine.fpga import Fpga
from hetengine.incidents import Incident
from hetengine.nets.config import NetConfig
from hetengine.problems.config import ProblemConfig
from hetengine.solvers.config import DuhlConfig
from hetengine.solvers.local_sgd.config import LocalSgdConfig
from hetengine.tiers import TierSpec
from hetengine.topology import DeviceSpec, LinkSpec, Topology
from hetengine.tuning.config import CvConfig, PathConfig, check_tuning

if TYPE_CHECKING:
    from omegaconf import DictConfig

MODES = ("execute", "simulate", "dry")
PRECISIONS = ("float32", "float64")
METRICS = (
    "auto",
    *("relative_gap", "objective"),
    *("test_error", "test_loss"),
    *("seconds", "bytes_host_to_device"),
)
PROGRESS = ("auto", "plain", "rich", "none")


def _one_of(key: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuse a word that is not among the allowed ones."""
    if value not in allowed:
        raise UsageError(f"{key}={value!r}; {did_you_mean(value, allowed)}")


@dataclass
class ModeConfig:
    """How a run is driven.

    Attributes
    ----------
    name : {'execute', 'simulate', 'dry'}
        Real devices and wall time; real numerics in virtual time; or virtual time only.
    swap_fraction : float
        With ``dry``: fraction of the resident bytes replaced per round.
    """

    name: str = "execute"
    swap_fraction: float = 0.05

    def __post_init__(self) -> None:
        _one_of("mode.name", self.name, MODES)
        if not 0.0 <= self.swap_fraction <= 1.0:
            raise UsageError(f"mode.swap_fraction={self.swap_fraction} must be between 0 and 1")


@dataclass
class DeviceConfig:
    """One device of a topology file; see `hetengine.topology.DeviceSpec` for the fields."""

    role: str = "accelerator"
    backend: str = "numpy"
    index: int = 0
    threads: int = 1
    capacity_bytes: int | None = None
    memory_fraction: float | None = None
    bandwidth_bytes_per_second: float = 1e10
    flops_per_second: float = 1e10
    launch_seconds: float = 0.0
    alloc_seconds: float = 0.0
    alloc_bytes_per_second: float | None = None
    source: str = ""
    kind: str = "assumed"
    options: dict[str, Any] = field(default_factory=dict)
    kernels: dict[str, KernelCost] = field(default_factory=dict)
    dispatch: Dispatch = field(default_factory=Dispatch)
    real: bool = False
    cores: str | None = None
    events: list[Incident] = field(default_factory=list)
    fpga: Fpga | None = None


@dataclass
class LinkConfig:
    """One link of a topology file; see `hetengine.topology.LinkSpec` for the fields."""

    ends: list[str]
    up_bytes_per_second: float
    down_bytes_per_second: float
    duplex_bytes_per_second: float | None = None
    latency_seconds: float = 0.0
    host_seconds: float = 0.0
    pageable: bool = False
    pageable_factor: float = 0.65
    source: str = ""
    kind: str = "assumed"


@dataclass
class TierConfig:
    """One memory tier of a topology file; see `hetengine.tiers.TierSpec` for the fields."""

    device: str
    holds: list[str]
    capacity_bytes: int | None = None
    bytes_per_second: float | None = None
    write_bytes_per_second: float | None = None
    latency_seconds: float = 0.0
    evicts_to: str | None = None
    medium: str = "memory"
    source: str = ""
    kind: str = "assumed"


@dataclass
class TopologyConfig:
    """A machine as its file describes it.

    Attributes
    ----------
    name : str
        Name of the machine.
    devices : dict of str to DeviceConfig
        Devices by name.
    links : dict of str to LinkConfig
        Links by name.
    calibration : Calibration or None
        Where and when ``hetengine calibrate`` measured it.
    nodes : list of str
        Switches and root ports, where links may end.
    cores : dict of str to int
        Pools of cores that devices share.
    tiers : dict of str to TierConfig
        Memory tiers beside the devices' main memories.
    use : list of str or None
        Accelerators to train on; None for all.
    """

    name: str
    devices: dict[str, DeviceConfig]
    links: dict[str, LinkConfig] = field(default_factory=dict)
    calibration: Calibration | None = None
    nodes: list[str] = field(default_factory=list)
    cores: dict[str, int] = field(default_factory=dict)
    tiers: dict[str, TierConfig] = field(default_factory=dict)
    use: list[str] | None = None

    def build(self) -> Topology:
        """Return the frozen, validated topology.

        Raises
        ------
        UsageError
            If a value is out of range or the parts do not make a machine.
        """
        devices = tuple(DeviceSpec(name, **vars(spec)) for name, spec in self.devices.items())
        whole = Topology(
            self.name,
            tuple(sorted(devices, key=lambda device: device.role != "host")),
            tuple(_link(name, link) for name, link in self.links.items()),
            self.calibration,
            tuple(self.nodes),
            dict(self.cores),
            tuple(
                TierSpec(name, **{**vars(tier), "holds": tuple(tier.holds)})
                for name, tier in self.tiers.items()
            ),
        )
        return whole if self.use is None else whole.limited_to(self.use)


def _link(name: str, link: LinkConfig) -> LinkSpec:
    """Freeze one link."""
    if len(link.ends) != 2:
        raise UsageError(f"topology: links.{name}.ends={link.ends} must name two devices")
    ends = (link.ends[0], link.ends[1])
    return LinkSpec(name, **{**vars(link), "ends": ends})


@dataclass
class RunConfig:
    """Everything a run depends on.

    Attributes
    ----------
    problem, data, topology, solver, mode
        One config group each; problem, data and solver are those of linear models or of nets.
    topology_file : str or None
        File written by ``hetengine calibrate``, in place of the topology group.
    memory_fraction : float or None
        Capacity of every accelerator as a fraction of the bytes of the data; overrides the
        topology. Linear models only.
    seed : int
        Seed of everything that is drawn.
    tol : float
        Relative duality gap at which the run has converged. Linear models only.
    max_rounds : int or None
        Rounds after which it stops; None means 10,000 for linear models, and as many as its epochs
        have for a net.
    max_seconds : float or None
        Seconds on the run's clock after which it stops.
    precision : {'float32', 'float64'}
        Type of the data on the devices; certificates are always float64.
    metric : str
        What a sweep minimises: one of `METRICS`; ``auto`` is ``relative_gap`` for linear models and
        ``test_error`` for nets.
    progress : {'auto', 'plain', 'rich', 'none'}
        How progress is shown; ``auto`` is ``rich`` on a terminal and ``plain`` elsewhere.
    path : PathConfig or None
        Strengths to follow, instead of the one of ``problem``. Linear models only.
    cv : CvConfig or None
        Cross-validation over the points of the path.
    """

    problem: ProblemConfig | NetConfig
    data: DataConfig | ImageDataConfig
    topology: TopologyConfig
    solver: DuhlConfig | LocalSgdConfig
    mode: ModeConfig
    topology_file: str | None = None
    memory_fraction: float | None = None
    seed: int = 0
    tol: float = 1e-4
    max_rounds: int | None = None
    max_seconds: float | None = None
    precision: str = "float32"
    metric: str = "auto"
    progress: str = "auto"
    path: PathConfig | None = None
    cv: CvConfig | None = None

    def __post_init__(self) -> None:
        _one_of("precision", self.precision, PRECISIONS)
        _one_of("metric", self.metric, METRICS)
        _one_of("progress", self.progress, PROGRESS)
        for key in ("memory_fraction", "tol", "max_seconds"):
            value = getattr(self, key)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise UsageError(f"{key}={value} must be finite and greater than 0")
        if self.max_rounds is not None and self.max_rounds < 1:
            raise UsageError(f"max_rounds={self.max_rounds} must be at least 1")
        if not 0 <= self.seed < 2**63:
            raise UsageError(f"seed={self.seed} must be at least 0 and below 2**63")


GROUPS: dict[str, tuple[type[Any], ...]] = {
    "problem": (ProblemConfig, NetConfig),
    "data": (DataConfig, ImageDataConfig),
    "topology": (TopologyConfig,),
    "solver": (DuhlConfig, LocalSgdConfig),
    "mode": (ModeConfig,),
}
"""Config groups with the types an option of theirs may have."""

SCHEMAS = "hydra/schema"
"""Group of the types that the options of groups with several name in their defaults list."""


def schema_name(kind: type[Any]) -> str:
    """Return how an option of a group names its type.

    Examples
    --------
    >>> schema_name(ProblemConfig)
    'ProblemConfig'
    """
    return kind.__name__


def schema() -> DictConfig:
    """Return `RunConfig` for OmegaConf, with its defaults; Hydra checks keys and types against it.

    A group that has options of several types is left open: the type comes with the option.
    """
    from omegaconf import MISSING, OmegaConf

    hints = get_type_hints(RunConfig)
    open_fields, typed_fields = [], []
    for item in dataclasses.fields(RunConfig):
        if item.name in GROUPS:
            open_fields.append((item.name, Any, field(default=MISSING)))
        else:
            typed_fields.append((item.name, hints[item.name], field(default=item.default)))
    config = OmegaConf.structured(
        dataclasses.make_dataclass("RunConfig", [*open_fields, *typed_fields])
    )
    for key, kinds in GROUPS.items():
        if len(kinds) == 1:
            config[key] = _node(kinds[0])
    return config


def _node(kind: type[Any]) -> DictConfig:
    """Return a type for OmegaConf."""
    from omegaconf import OmegaConf

    node = OmegaConf.structured(kind)
    # Frozen dataclasses arrive as read-only nodes, but overrides still have to come.
    OmegaConf.set_readonly(node, None)
    return node


def register_schema() -> None:
    """Store the schema that ``conf/run.yaml`` starts from; Hydra then checks keys and types."""
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    store.store(name="run_schema", node=schema())
    for kinds in GROUPS.values():
        for kind in kinds:
            store.store(group=SCHEMAS, name=schema_name(kind), node=_node(kind))


def run_config(config: DictConfig, overrides: Sequence[str] = ()) -> RunConfig:
    """Turn a composed config into plain dataclasses.

    Parameters
    ----------
    config : DictConfig
        As composed.
    overrides : sequence of str
        What was typed; a topology file and words about the topology it replaces do not go together.

    Raises
    ------
    UsageError
        If a value is out of range.
    omegaconf.errors.OmegaConfBaseException
        If a key is unknown, has the wrong type or is missing.
    """
    from omegaconf import OmegaConf

    _refuse_untyped(config)
    _refuse_additions(config, "")
    value = RunConfig(**vars(OmegaConf.to_object(config)))
    if value.topology_file is not None:
        _refuse_both(value.topology_file, overrides)
        value.topology = read_topology(Path(value.topology_file))
    check_family(value, overrides)
    check_tuning(value)
    if isinstance(value.data, ImageDataConfig):
        check_images(value.data)
    else:
        check_table(value.data)
    value.topology.build()
    return value


def _refuse_untyped(config: DictConfig) -> None:
    """Refuse an option that does not say which type it has: its keys would go unchecked."""
    from omegaconf import OmegaConf

    for key, kinds in GROUPS.items():
        if OmegaConf.get_type(config, key) not in kinds:
            names = " or ".join(schema_name(kind) for kind in kinds)
            raise UsageError(
                f"{key}: this option does not name its type; let its file begin with 'defaults: "
                f"[optional /{SCHEMAS}@_here_: {names}, _self_]', as those shipped do"
            )


def _refuse_both(path: str, overrides: Sequence[str]) -> None:
    """Refuse words that a topology file would make void."""
    for word in overrides:
        if word.lstrip("+~").startswith(("topology=", "topology.")):
            raise UsageError(
                f"{word} has no effect beside topology_file={path}; change the file or leave one "
                "of the two out"
            )


def _refuse_additions(node: DictConfig, path: str) -> None:
    """Refuse keys added with ``+`` that no dataclass has: nothing would read them."""
    from omegaconf import DictConfig, OmegaConf

    kind = OmegaConf.get_type(node)
    known = None
    if kind is not None and dataclasses.is_dataclass(kind):
        known = [item.name for item in dataclasses.fields(kind)]
    for key in map(str, node):
        if known is not None and key not in known:
            raise UsageError(f"unknown key {path}{key}; {did_you_mean(key, known)}")
        plain = OmegaConf.is_missing(node, key) or OmegaConf.is_interpolation(node, key)
        child = None if plain else node[key]
        if isinstance(child, DictConfig):
            _refuse_additions(child, f"{path}{key}.")


def as_dict(config: RunConfig) -> dict[str, Any]:
    """Return a config as nested dictionaries, lists and plain values."""
    return dataclasses.asdict(config)


def digest(config: RunConfig) -> str:
    """Return a short hash of all that influences the numbers or the time of a run.

    Returns
    -------
    str
        Sixteen hexadecimal digits; equal configs give equal digits on every machine.
    """
    values = as_dict(config)
    del values["progress"], values["metric"], values["topology_file"]
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
