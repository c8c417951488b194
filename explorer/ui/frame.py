"""The frame that every page has: title and sentence above; below, the explanation, experiments, code and downloads."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import streamlit as st

from explorer.errors import ExplorerError
from explorer.settings import ASSETS
from explorer.ui import site
from explorer.ui.controls import Tabs
from explorer.ui.texts import plain

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True)
class Experiment:
    """One thing to try: a button that sets choices.

    Attributes:
        name: what the button says.
        sentence: what to look for.
        action: sets the controls; called before the page is drawn again.
    """

    name: str
    sentence: str
    action: Callable[[], None]


@dataclass(frozen=True)
class Download:
    """One file to take away; ``make`` is only called when it is asked for."""

    name: str
    file_name: str
    mime: str
    make: Callable[[], bytes | str]


@dataclass(frozen=True)
class Explanation:
    """What stands under the picture.

    Attributes:
        text: Markdown with LaTeX: the formula, with this page's own numbers in it.
        experiments: three small ones.
        programs: name → Python source that reproduces the picture.
        downloads: files.
        packing: draws choices about the files above them.
    """

    text: str
    experiments: Sequence[Experiment] = ()
    programs: Mapping[str, str] = field(default_factory=dict)
    downloads: Sequence[Download] = ()
    packing: Callable[[], None] | None = None


@contextmanager
def page(title: str, sentence: str) -> Iterator[None]:
    """Draw the title and its sentence; show an :class:`ExplorerError` of the page as its sentence."""
    site.through_the_shell()
    st.html(ASSETS / "style.css")
    st.title(title, anchor=False)
    st.markdown(sentence)
    with guarded():
        yield


@contextmanager
def guarded() -> Iterator[None]:
    """Show an :class:`ExplorerError` as its sentence; what runs apart from its page needs this for itself."""
    try:
        yield
    except ExplorerError as error:
        st.error(plain(str(error)), icon=":material/error:")


def is_dark() -> bool:
    """Whether the page is drawn dark."""
    return bool(st.context.theme.type == "dark")


def notes(sentences: Sequence[str]) -> None:
    """Show what had to be done otherwise than asked."""
    for sentence in sentences:
        st.info(plain(sentence), icon=":material/info:")


def chart(figure: "go.Figure", *, key: str, alt: str) -> None:
    """Draw a chart in its own colours, without Plotly's row of buttons."""
    st.plotly_chart(figure, key=key, theme=None, config={"displayModeBar": False}, alt=alt)


SEEING, TRYING, CODE, DOWNLOAD = "seeing", "try", "code", "download"


def tabs(page: str, more: Mapping[str, str] | None = None) -> Tabs:
    """The tabs under the picture, as one of a page's choices; ``more`` are the page's own, name → label."""
    own = dict(more or {})
    labels = {SEEING: "What am I seeing?", **own, TRYING: "Try this", CODE: "Show the code", DOWNLOAD: "Download"}
    return Tabs(key=f"{page}.tab", label="Tab", default=SEEING, options=labels)


def explain(
    name: str, choice: Tabs, explanation: Explanation, more: Mapping[str, Callable[[], None]] | None = None
) -> None:
    """Draw *What am I seeing?*, the page's own tabs, *Try this*, *Show the code* and *Download*.

    Args:
        name: of the page.
        choice: as from :func:`tabs`.
        explanation: what stands in the tabs that every page has.
        more: what draws each of the page's own tabs; only the open one is drawn.
    """
    containers = choice.containers()
    for own, draw in (more or {}).items():
        if containers[own].open:
            with containers[own]:
                draw()
    seeing, trying, code, download = (containers[tab] for tab in (SEEING, TRYING, CODE, DOWNLOAD))
    with seeing:
        st.markdown(explanation.text)
    with trying:
        for column, (number, experiment) in zip(
            st.columns(max(1, len(explanation.experiments))), enumerate(explanation.experiments), strict=True
        ):
            with column, st.container(border=True, height="stretch"):
                st.markdown(f"**{experiment.name}**  \n{experiment.sentence}")
                st.button(
                    "Set it up",
                    key=f"{name}.try_{number}",
                    on_click=experiment.action,
                    icon=":material/play_arrow:",
                )
    with code:
        libraries = st.tabs(list(explanation.programs))
        for library, program in zip(libraries, explanation.programs.values(), strict=True):
            library.code(program, language="python")
    with download:
        if explanation.packing is not None:
            explanation.packing()
        _draw_downloads(name, explanation.downloads)


def _draw_downloads(name: str, downloads: Sequence[Download]) -> None:
    """A button for each file."""
    with st.container(horizontal=True):
        for number, file in enumerate(downloads):
            st.download_button(
                file.name,
                data=file.make,
                file_name=file.file_name,
                mime=file.mime,
                key=f"{name}.download_{number}",
                on_click="ignore",
                icon=":material/download:",
            )
