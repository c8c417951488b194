"""The frame that every page has: title and sentence above; below, the explanation, experiments, code and downloads."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import streamlit as st

from explorer.errors import ExplorerError
from explorer.settings import ASSETS
from explorer.ui import site
from explorer.ui.texts import plain


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
    """

    text: str
    experiments: Sequence[Experiment] = ()
    programs: Mapping[str, str] = field(default_factory=dict)
    downloads: Sequence[Download] = ()


@contextmanager
def page(title: str, sentence: str) -> Iterator[None]:
    """Draw the title and its sentence; show an :class:`ExplorerError` of the page as its sentence."""
    site.through_the_shell()
    st.html(ASSETS / "style.css")
    st.title(title, anchor=False)
    st.markdown(sentence)
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


def explain(name: str, explanation: Explanation) -> None:
    """Draw *What am I seeing?*, *Try this*, *Show the code* and *Download*."""
    seeing, trying, code, download = st.tabs(["What am I seeing?", "Try this", "Show the code", "Download"])
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
        for tab, program in zip(st.tabs(list(explanation.programs)), explanation.programs.values(), strict=True):
            tab.code(program, language="python")
    with download, st.container(horizontal=True):
        for number, file in enumerate(explanation.downloads):
            st.download_button(
                file.name,
                data=file.make,
                file_name=file.file_name,
                mime=file.mime,
                key=f"{name}.download_{number}",
                on_click="ignore",
                icon=":material/download:",
            )
