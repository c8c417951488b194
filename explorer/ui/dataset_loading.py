"""Opens the dataset that the page asks for, with a bar and a way to stop where it takes a while."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st

from explorer import datasets
from explorer.datasets import Dataset
from explorer.datasets.builtin import addresses
from explorer.errors import DatasetError
from explorer.ui import cache, state
from explorer.ui import dataset_options as options
from explorer.ui.dataset_options import Asked
from explorer.ui.progress import Report, progress
from explorer.ui.texts import plain


@dataclass(frozen=True)
class Opened:
    """A dataset, and what it was asked for with."""

    asked: Asked
    dataset: Dataset


def load(asked: Asked) -> Opened:
    """The dataset; opened once, shared, read-only.

    Where it cannot be had, its sentence is shown and the dataset that was open before stays.

    Raises:
        DatasetError: it cannot be had, and there was none before.
    """
    problem = state.get(state.DATASET_PROBLEM)
    if problem is None or problem[0] != asked.key:
        try:
            dataset = shared(asked)
        except DatasetError as error:
            state.put(state.DATASET_PROBLEM, (asked.key, str(error)))
        else:
            state.put(state.DATASET_PROBLEM, None)
            state.put(state.DATASET, asked)
            if asked.own is not None:
                state.put(state.GOOD_OWN_DATASET, asked.own)
            return Opened(asked, dataset)
    st.error(plain(state.get(state.DATASET_PROBLEM)[1]), icon=":material/error:")
    for address in () if asked.own or cache.limits().profile == "hosted" else addresses(asked.name):
        st.code(address, language=None)  # as text that can be copied
    if asked.own is None or asked.own.folder:  # an upload stays what it is
        st.button("Try again", key="datasets.again", icon=":material/refresh:", on_click=try_again)
    return _before()


def _before() -> Opened:
    """What was open before; at first that is the default."""
    asked: Asked = state.get(state.DATASET) or options.fresh()
    try:
        dataset = shared(asked)
    except DatasetError:  # it is gone by now
        asked = options.fresh()
        dataset = shared(asked)
    st.caption(f"Shown below: {plain(asked.title)}.")
    return Opened(asked, dataset)


def try_again() -> None:
    """Forget that it could not be opened."""
    state.put(state.DATASET_PROBLEM, None)


def shared(asked: Asked, stop: str = "datasets.stop", on_stop: Callable[[], None] | None = None) -> Dataset:
    """The dataset, opened once for everyone.

    Args:
        asked: which one.
        stop: key of the button beside the bar.
        on_stop: called when it is pressed; it has to see to it that another dataset is asked for.

    Raises:
        DatasetError: it cannot be had.
    """
    key = (*asked.key, *_changed(asked))
    return cache.opened().get_or_make(key, lambda: _with_bar(asked, stop, on_stop), lambda _: 1)


def _changed(asked: Asked) -> tuple[str, int]:
    """The folder where a person may put this dataset by hand, and when something was put there or taken away."""
    folder = cache.limits().data_dir / asked.name
    try:
        return str(folder), folder.stat().st_mtime_ns
    except OSError:
        return str(folder), 0


def _with_bar(asked: Asked, stop: str, on_stop: Callable[[], None] | None) -> Dataset:
    """Open it; the bar comes with the first word on how far it is."""
    bar: Report | None = None
    with contextlib.ExitStack() as drawn:

        def told(share: float, doing: str) -> None:
            nonlocal bar
            if bar is None:
                ending = on_stop or partial(give_up, asked)
                bar = drawn.enter_context(progress(stop, f"{doing}…", on_stop=ending))
            bar(share, doing)

        return _opened(asked, told)


def _opened(asked: Asked, told: Callable[[float, str], object]) -> Dataset:
    how: dict[str, Any] = {"seed": asked.seed, "small_split": asked.small_split, "on_progress": told}
    if asked.own is None:
        return datasets.load(
            asked.name, image_size=asked.image_size, patch_class=asked.patch_class, pictures=asked.pictures, **how
        )
    if asked.own.kind == "folder":
        if cache.limits().profile == "hosted":
            raise DatasetError("On this public copy folders of the server cannot be read. Upload your pictures.")
        return datasets.read_folder(asked.own.folder, image_size=asked.image_size, **how)
    if asked.own.kind == "zip":
        ((_, content),) = asked.own.files
        return datasets.read_zip(content, name=asked.own.label, image_size=asked.image_size, **how)
    return datasets.read_files(asked.own.files, name=asked.own.label, image_size=asked.image_size, **how)


def give_up(asked: Asked) -> None:
    """*Stop* was pressed: back to what was open before, if that is something else."""
    before: Asked | None = state.get(state.DATASET)
    options.put(before if before is not None and before.key != asked.key else options.fresh())
