"""How long a launch takes on a simulated device.

A cost model turns a device and a `Work` into seconds. `RooflineCost` needs nothing but the rates of
the topology; `KernelCosts` takes what was measured or stated for each kernel and device, and the
roofline where there is nothing.
"""

from hetengine.sim.cost.kernels import KernelCosts
from hetengine.sim.cost.model import CostModel
from hetengine.sim.cost.roofline import RooflineCost

__all__ = ["CostModel", "KernelCosts", "RooflineCost"]
