"""The simulated machine: fluid links, cost models and devices in virtual time."""

from hetengine.sim.cost import CostModel, RooflineCost
from hetengine.sim.device import SimulatedDevice, SimulatedKernel
from hetengine.sim.fairness import fair_rates
from hetengine.sim.fluid import FluidNetwork

__all__ = [
    "CostModel",
    "FluidNetwork",
    "RooflineCost",
    "SimulatedDevice",
    "SimulatedKernel",
    "fair_rates",
]
