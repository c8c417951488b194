"""What happens to the score when parts of the picture are hidden."""

from explorer.attribution.contract import Computed, Request


def occlusion(request: Request) -> Computed:
    """Patch by patch."""
    raise NotImplementedError


def rise(request: Request) -> Computed:
    """Random masks."""
    raise NotImplementedError
