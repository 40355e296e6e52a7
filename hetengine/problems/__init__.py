"""The maths: matrices, losses and penalties, duality gaps, certificates and safe screening.

Everything here is NumPy in float64 and is the reference that compiled kernels are tested against.
"""

from hetengine.problems.certificate import Certificate, certify
from hetengine.problems.config import ProblemConfig
from hetengine.problems.factory import make_problem, make_shape_problem
from hetengine.problems.kinds import Kind
from hetengine.problems.lambda_max import lambda_max
from hetengine.problems.matrix import (
    Columns,
    DenseColumns,
    ShapeColumns,
    SparseColumns,
    columns_of,
)
from hetengine.problems.problem import CoordinateProblem
from hetengine.problems.screening import safe_to_drop
from hetengine.problems.strength import at_strength
from hetengine.problems.terms import (
    coordinate_update,
    term_conjugate,
    term_gap,
    term_project,
    term_value,
)

__all__ = [
    "Certificate",
    "Columns",
    "CoordinateProblem",
    "DenseColumns",
    "Kind",
    "ProblemConfig",
    "ShapeColumns",
    "SparseColumns",
    "at_strength",
    "certify",
    "columns_of",
    "coordinate_update",
    "lambda_max",
    "make_problem",
    "make_shape_problem",
    "safe_to_drop",
    "term_conjugate",
    "term_gap",
    "term_project",
    "term_value",
]
