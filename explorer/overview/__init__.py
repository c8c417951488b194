"""What to show of a whole network: its stages as columns, the channels in them, and what flows between these."""

from explorer.overview.flow import Amounts, Share, shares
from explorer.overview.glancing import CHANNELS, RULES, class_importance, glance
from explorer.overview.measuring import Measured, measure
from explorer.overview.planning import Column, Group, Plan, parameters_of, plan, words_for
from explorer.overview.seen import Edge, Glance, Hidden, Shown, Stop
from explorer.overview.stages import filters_of, stages

__all__ = [
    "CHANNELS",
    "RULES",
    "Amounts",
    "Column",
    "Edge",
    "Glance",
    "Group",
    "Hidden",
    "Measured",
    "Plan",
    "Share",
    "Shown",
    "Stop",
    "class_importance",
    "filters_of",
    "glance",
    "measure",
    "parameters_of",
    "plan",
    "shares",
    "stages",
    "words_for",
]
