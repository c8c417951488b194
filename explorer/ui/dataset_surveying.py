"""Work over all pictures of a dataset: at once where they are few, else when it is asked for; with a bar and *Stop*."""

from collections.abc import Callable, Hashable
from typing import TypeVar

import streamlit as st

from explorer.datasets import Dataset
from explorer.ui import cache, state
from explorer.ui.progress import progress

Made = TypeVar("Made")
AT_ONCE_BYTES = 60_000_000
"""A survey of so many bytes of pictures takes about a second and is made without asking."""
RESULT_BYTES = 50_000
"""What a survey takes on the shelf, where it holds no pictures."""


def surveyed(
    name: str,
    key: tuple[Hashable, ...],
    dataset: Dataset,
    make: Callable[[Callable[[float], object]], Made],
    size: Callable[[Made], int] = lambda _: RESULT_BYTES,
    *,
    purpose: str = "Look through",
) -> Made | None:
    """What a survey finds, kept; of much data only when it is asked for, with a bar and a way to stop.

    Args:
        name: of the survey, for its buttons.
        key: everything that it depends on.
        dataset: whose pictures are looked through.
        make: makes the survey, and tells how far it is.
        size: of the result, in bytes.
        purpose: what the button that asks for it begins with.

    Returns:
        None where it has not been asked for yet.
    """
    full = (name, *key)
    found = cache.shelf().get(full)
    if found is not None:
        return found  # type: ignore[no-any-return]
    total = sum(split.images.nbytes for split in dataset.splits.values())
    wanted = f"_datasets_{name}_wanted"
    if total > AT_ONCE_BYTES and state.get(wanted) != full:
        st.button(
            f"{purpose} {total / 1e6:,.0f} MB of pictures",
            key=f"datasets.{name}_start",
            icon=":material/search:",
            on_click=state.put,
            args=(wanted, full),
        )
        return None
    with progress(
        f"datasets.{name}_stop", "Looking through the pictures…", on_stop=lambda: state.put(wanted, None)
    ) as tell:
        return cache.shelf().get_or_make(full, lambda: make(tell), size)
