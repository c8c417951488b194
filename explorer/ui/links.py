"""Share links: a page's choices are in its URL, and come back from it.

The page calls :func:`restore` before it draws its controls and :func:`share` after. A link is input from a
stranger: a value that is not allowed falls back to the default, with a note and never with an exception. The
browser's Back button works as *undo*, because each choice is one entry in its history.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from explorer.ui import state
from explorer.ui.controls import Control


@dataclass(frozen=True)
class Visit:
    """How a run of a page began.

    Attributes:
        arrived: the person has just come to this page.
        linked: the choices have just been taken from the URL.
        notes: sentences for the person, one for each value of the link that could not be used.
    """

    arrived: bool
    linked: bool = False
    notes: tuple[str, ...] = ()


def restore(page: str, controls: Iterable[Control]) -> Visit:
    """Take the choices from the URL, when the URL is not simply what this page wrote there itself.

    Nor what it wrote there before: who clicks while a page is being drawn sends the URL that the browser still has.
    """
    controls = list(controls)
    link = {key: st.query_params[key] for key in st.query_params if key.startswith(f"{page}.")}
    arrived = state.enter(page)
    touched = {control.key: control.current() for control in controls} != state.last_values(page)
    if link == state.last_link(page) or (not link and arrived) or (touched and not arrived):
        return Visit(arrived)
    if state.is_shared(page) and _only_late():
        return Visit(arrived)
    return Visit(arrived, linked=True, notes=tuple(_apply(controls, link)))


def _only_late() -> bool:
    """Whether another URL in the middle of a visit is one of before: only *Back* and *Forward* change it there."""
    context = get_script_run_ctx()
    return has_browser() and context is not None and not context.is_history_navigation


def has_browser() -> bool:
    """Whether there is a browser, which may be late; Streamlit's test harness has none, and means what it sets."""
    return runtime.exists() and type(runtime.get_instance()) is runtime.Runtime  # the harness puts a mock in its place


def _apply(controls: list[Control], link: Mapping[str, str]) -> list[str]:
    """Set every control to what the link says, or to its default."""
    notes = []
    for control in controls:
        value = control.initial()
        if control.key in link:
            try:
                value = control.parse(link[control.key])
            except ValueError as why:
                name = control.label.lower()
                notes.append(f"The link's value for “{name}” cannot be used: {why}. The default is shown instead.")
        control.put(value)
    unknown = set(link) - {control.key for control in controls}
    if unknown:
        notes.append("The link asks for choices that this page does not have; they were left out.")
    return notes


def share(page: str, controls: Iterable[Control]) -> None:
    """Write every choice that is not the default into the URL."""
    link = ahead(page, controls)
    repeated = any(len(st.query_params.get_all(key)) > 1 for key in st.query_params)
    if dict(st.query_params) != link or repeated:
        st.query_params.from_dict(link)


def ahead(page: str, controls: Iterable[Control]) -> dict[str, str]:
    """The link that a page has with its present choices, for another one that is about to go there.

    The page then takes it for its own: written together with the page's name it is one entry of the browser's
    history, and not a bare page and its choices.
    """
    link: dict[str, str] = {}
    values: dict[str, Any] = {}
    for control in controls:
        value = values[control.key] = control.current()
        if value != control.initial():
            link[control.key] = control.text(value)
    state.remember(page, link, values)
    return link


def reset(controls: Iterable[Control]) -> None:
    """Put every choice back to that of a fresh page, for an experiment to start from."""
    for control in controls:
        control.put(control.initial())
