"""One value of a network traced back to the numbers it is made of; one channel unfolded into its sums."""

from explorer.trace.forms import Gathering
from explorer.trace.geometry import Geometry
from explorer.trace.steps import Normalisation, Step
from explorer.trace.unfolding import Flattened, Source, Unfolded, UnitTrace, trace_unit, unfold
from explorer.trace.wiring import Outputs, Wiring, wired

__all__ = [
    "Flattened",
    "Gathering",
    "Geometry",
    "Normalisation",
    "Outputs",
    "Source",
    "Step",
    "Unfolded",
    "UnitTrace",
    "Wiring",
    "trace_unit",
    "unfold",
    "wired",
]
