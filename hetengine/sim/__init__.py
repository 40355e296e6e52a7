"""The simulated machine: fluid links, cost models and devices in virtual time."""

from hetengine.sim.cost import CostModel, KernelCosts, RooflineCost
from hetengine.sim.device import SimulatedDevice, SimulatedKernel
from hetengine.sim.fairness import fair_rates
from hetengine.sim.fluid import FluidNetwork
from hetengine.sim.loop import Loop

__all__ = [
    "CostModel",
    "FluidNetwork",
    "KernelCosts",
    "Loop",
    "RooflineCost",
    "SimulatedDevice",
    "SimulatedKernel",
    "fair_rates",
]
