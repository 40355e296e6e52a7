"""Solvers for data that lie in the host's memory by row: few launches, each of many milliseconds.

`Resident` picks one by the shape of the loss: smooth losses are minimised over the coefficients
with a sampled model of the curvature, l1 penalties over working sets of features, the hinge loss
over its dual.
"""

from hetengine.solvers.resident.solver import Resident

__all__ = ["Resident"]
