"""The pages of the app: one entry each, from which the navigation and the home page's cards are drawn."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.navigation.page import Page as StreamlitPage
from streamlit.runtime.scriptrunner import get_script_run_ctx

from explorer.device import describe
from explorer.settings import ASSETS, ROOT
from explorer.ui import links, state
from explorer.ui.controls import Control


@dataclass(frozen=True)
class Thumbnail:
    """The picture on a page's card, and its alternative text."""

    picture: Path
    alt: str


@dataclass(frozen=True)
class Entry:
    """One page.

    Attributes:
        file: its script, relative to ``app.py``.
        title: its name in the navigation.
        icon: a Material symbol.
        sentence: what one sees there.
        thumbnail: the picture on its card; None for the home page, which has no card.
    """

    file: str
    title: str
    icon: str
    sentence: str
    thumbnail: Thumbnail | None = None

    @property
    def script(self) -> Path:
        """The script's full path."""
        return ROOT / self.file


PAGES = (
    Entry("pages/home.py", "Home", ":material/home:", "See how convolutional networks work."),
    Entry(
        "pages/kernels.py",
        "Kernels",
        ":material/grid_on:",
        "Slide a small grid of numbers over a picture and watch edges, blurs and reliefs appear, sum by sum.",
        Thumbnail(ASSETS / "pages" / "kernels.png", "A cat's photo, and the same photo as edges in red and blue"),
    ),
    Entry(
        "pages/datasets.py",
        "Datasets",
        ":material/photo_library:",
        "Look through the pictures that a network learns from, bundled ones or your own, and find their flaws first.",
        Thumbnail(ASSETS / "pages" / "datasets.png", "Rows of small pictures of clothes, sorted by class"),
    ),
    Entry(
        "pages/augmentation.py",
        "Augmentation",
        ":material/casino:",
        "Turn, move, mirror and recolour a picture by chance, and see exactly what a network would train on.",
        Thumbnail(ASSETS / "pages" / "augmentation.png", "Versions of a cat's photo: turned, moved, zoomed, mirrored"),
    ),
    Entry(
        "pages/training.py",
        "Training",
        ":material/model_training:",
        "Build a small network, let it learn digits, clothes or your own pictures, and watch it happen.",
        Thumbnail(ASSETS / "pages" / "training.png", "Curves of a training beside pictures and what the network says"),
    ),
    Entry(
        "pages/feature_maps.py",
        "Feature maps",
        ":material/layers:",
        "Send a photo through a network that knows a thousand things, and look at what every layer makes of it.",
        Thumbnail(
            ASSETS / "pages" / "feature_maps.png",
            "A cat's photo on its way through a network: channels of each stage, and lines between them",
        ),
    ),
    Entry(
        "pages/filters.py",
        "Filters",
        ":material/psychiatry:",
        "Watch patterns grow out of noise: what each filter of a network looks for, from edges to whole things.",
        Thumbnail(ASSETS / "pages" / "filters.png", "Patterns grown for filters: stripes, scales, petals, eyes"),
    ),
    Entry(
        "pages/grad_cam.py",
        "Grad-CAM",
        ":material/local_fire_department:",
        "Ask why: see which part of a photo speaks for a class, how that was added up, and whether to believe it.",
        Thumbnail(ASSETS / "pages" / "grad_cam.png", "A cat's photo with a heatmap over its face"),
    ),
)


def cards() -> list[tuple[Entry, Thumbnail]]:
    """The pages that have a card on the home page."""
    return [(entry, entry.thumbnail) for entry in PAGES if entry.thumbnail]


def run() -> None:
    """The app around every page: its configuration, navigation, the page itself, the device badge."""
    state.put(state.SHELL, True)
    page = _navigation()
    st.set_page_config(page_title=f"{page.title} · ConvNet Explorer", page_icon=str(ASSETS / "icon.png"), layout="wide")
    try:
        page.run()
    finally:
        state.put(state.SHELL, False)
    with st.container(key="device", width="content"):
        device = describe()
        icon = ":material/developer_board:" if device.kind == "GPU" else ":material/memory:"
        st.badge(device.badge(), icon=icon, color="green" if device.kind == "GPU" else "gray", help=device.name)


def _navigation() -> StreamlitPage:
    """The app's navigation; its ``run()`` draws the page the person asked for.

    Pages have no icon here: Streamlit would make it the tab's icon and fetch that from the internet.
    """
    pages = [st.Page(entry.script, title=entry.title, default=index == 0) for index, entry in enumerate(PAGES)]
    return st.navigation(pages, position="top")


def onward(
    page: str,
    label: str,
    key: str,
    prepare: Callable[..., None] | None = None,
    args: tuple[Any, ...] = (),
    *,
    controls: Iterable[Control] = (),
) -> None:
    """A button that goes on to another page, with choices set there. A page that runs by itself has no way there.

    Args:
        page: its file's name, such as ``"grad_cam"``.
        label: what the button says.
        key: of the button.
        prepare: sets the other page's controls.
        args: what ``prepare`` is given.
        controls: all of the other page's, where they are at hand.
    """
    icon = _entry(page).icon
    if state.get(state.SHELL) and st.button(label, key=key, icon=icon, on_click=prepare, args=args):
        go(page, controls)


def go(page: str, controls: Iterable[Control] = ()) -> None:
    """On to another page, by its file's name; with its controls its choices are in the URL from the first moment."""
    st.switch_page(_entry(page).script, query_params=links.ahead(page, controls) if controls else None)


def _entry(page: str) -> Entry:
    return next(entry for entry in PAGES if entry.script.stem == page)


def through_the_shell() -> None:
    """Make sure that ``app.py`` ran before this page.

    When a page's own URL is the first request a server ever gets, Streamlit takes the ``pages/`` folder for the
    old kind of app and runs the page alone. Calling ``st.navigation`` once puts that right for the whole server;
    the rerun then comes through ``app.py``. A page that was started by itself (``streamlit run pages/kernels.py``)
    stays alone.
    """
    context = get_script_run_ctx()
    started_as_app = context is not None and Path(context.main_script_path).name == "app.py"
    if started_as_app and not state.get(state.SHELL):
        _navigation()
        st.rerun()
