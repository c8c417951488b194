"""Whether what is on a picture is still what its label says."""

from explorer.ui.augmentation_stage import Seen


def draw(seen: Seen) -> None:
    """Placeholder."""
