"""Training as a process, and a run as a folder: started, watched, steered, and taken up again after anything."""

from explorer.errors import RunError
from explorer.training.config import OPTIONS, OWN, TrainConfig
from explorer.training.launching import Spare
from explorer.training.limits import check_network
from explorer.training.run import Run
from explorer.training.runs import any_active, list_runs, open_run, start
from explorer.training.story import ENDED, Status, Steered, Story

__all__ = [
    "ENDED",
    "OPTIONS",
    "OWN",
    "Run",
    "RunError",
    "Spare",
    "Status",
    "Steered",
    "Story",
    "TrainConfig",
    "any_active",
    "check_network",
    "list_runs",
    "open_run",
    "start",
]
